import type { Family } from '@signalbox/core';
import type { ScenarioBackend, ScenarioInstance, ScenarioSetup } from '@signalbox/core/testing';
import { setName } from '../compile/names.ts';
import { SET_IDS } from '../compile/ip-sets.ts';
import { formatSets } from '../format/ipset.ts';
import { formatServers } from '../format/ipvsadm.ts';
import { createIpvsBackend } from '../ipvs-backend.ts';
import type { IpvsBackendOptions } from '../options.ts';
import { createFakeIpvs, createFakeKernel } from './fake-ipvs.ts';
import type { FakeKernel } from './fake-kernel.ts';
import { tracePacket, type Templates } from './trace-packet.ts';

/** Runs the scenarios on a fake kernel. Goldens: virtual servers as ipvsadm lists them, and the sets that have entries. */
export const ipvsScenarioBackend: ScenarioBackend = {
  mode: 'ipvs',
  goldens: ['ipvs.ipvsadm', 'ipvs.ipset'],
  create: createInstance,
};

function createInstance({ family, host, faults, options }: ScenarioSetup): ScenarioInstance {
  const kernel = createFakeKernel({ hostAddresses: host.addresses, faults });
  const fake = createFakeIpvs({ family, kernel, faults });
  const templates: Templates = new Map();
  return {
    backend: createIpvsBackend({ family, driver: fake.driver, ...scenarioOptions(options) }),
    golden: () => goldens(kernel, family),
    trace: (packet) => tracePacket({ kernel, family }, packet),
    connect: (packet, random) =>
      tracePacket(
        { kernel, family, templates, pick: (servers) => servers[Math.floor(random() * servers.length)] },
        packet,
      ),
  };
}

/** The `backend.ipvs` mapping of a scenario. */
export function scenarioOptions(options: Readonly<Record<string, unknown>>): Partial<IpvsBackendOptions> {
  const { scheduler, masqueradeBit, localPolicyFallback } = options;
  return {
    ...(typeof scheduler === 'string' ? { scheduler } : {}),
    ...(typeof masqueradeBit === 'number' ? { masqueradeBit } : {}),
    ...(localPolicyFallback === 'cluster' || localPolicyFallback === 'drop' ? { localPolicyFallback } : {}),
  };
}

/** Empty sets, of which there are many, are left out. The packet filter is the same for all scenarios: see its test. */
function goldens(kernel: FakeKernel, family: Family): Readonly<Record<string, string>> {
  const sets = SET_IDS.flatMap((id) => {
    const held = kernel.sets.get(setName(family, id));
    return held === undefined || held.entries.size === 0 ? [] : [held];
  });
  return {
    'ipvs.ipvsadm': formatServers(kernel.servers.values()),
    'ipvs.ipset': formatSets(sets),
  };
}
