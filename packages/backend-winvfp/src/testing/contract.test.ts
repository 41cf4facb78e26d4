import { contractCases, type ContractKernel } from '@signalbox/backend-kit/testing';
import { FAMILIES, type Backend, type DesiredChange, type Family } from '@signalbox/core';
import { createHns, type Hns } from '@signalbox/hns-simulator';
import { describe, it } from 'vitest';
import { createWinvfpBackend } from '../backend.ts';
import type { HcnApi } from '../driver/hcn-api.ts';
import { failedReply } from '../encode/reply.ts';
import { goldenText } from './golden.ts';
import { addUnowned, attachPod } from './random-host.ts';
import { NETWORK_ID } from './scenario-world.ts';
import { createSimulatedHcn } from './simulated-hcn.ts';

interface Writes {
  count: number;
  failures: ('unchanged' | 'unknown')[];
}

/** Counts writes, and fails the selected ones: before HNS executed them, or after. */
function supervised(hcn: HcnApi, writes: Writes): HcnApi {
  return {
    async call(request) {
      if (request.op === 'list' || request.op === 'hns') return hcn.call(request);
      writes.count++;
      const failure = writes.failures.shift();
      const reply = failure === 'unchanged' ? null : await hcn.call(request);
      return failure === undefined && reply !== null ? reply : failedReply(request.op, 'failed on request');
    },
  };
}

/** Pods of this node have their endpoint from the CNI plug-in before a Service selects them. */
function withPlugin(backend: Backend, hns: Hns): Backend {
  return {
    ...backend,
    sync(change) {
      for (const address of localPods(change)) attachPod(hns, address);
      return backend.sync(change);
    },
  };
}

function localPods(change: Partial<DesiredChange>): readonly string[] {
  const { added = [], changed = [] } = change.servicePorts ?? {};
  const ports = [...added, ...changed.map(({ after }) => after)];
  return ports.flatMap(({ localEndpoints }) => localEndpoints.map(({ address }) => address));
}

function createKernel(family: Family): Promise<ContractKernel> {
  const hns = createHns({ hostAddresses: ['192.0.2.10', '2001:db8::10'] });
  const subnets = ['10.244.0.0/16', 'fd00:10:244::/56'].map((IpAddressPrefix) => ({ IpAddressPrefix }));
  hns.addNetwork({ Name: 'cbr0', Type: 'L2Bridge', Ipams: [{ Subnets: subnets }] }, NETWORK_ID);
  const writes: Writes = { count: 0, failures: [] };
  const hcn = supervised(createSimulatedHcn(hns), writes);
  const nodeIP = family === 'IPv4' ? '192.0.2.10' : '2001:db8::10';
  const options = { family, hcn, networkName: 'cbr0', enableDSR: true, nodeIP };
  return Promise.resolve({
    createBackend: () => withPlugin(createWinvfpBackend(options), hns),
    snapshot: () => Promise.resolve(goldenText(hns, family)),
    damage: () => Promise.resolve(hns.dropLoadBalancer(hns.snapshot().loadBalancers[0]?.ID ?? '')),
    addOthers: () => Promise.resolve(addUnowned(hns)),
    hasOthers: () => {
      const { loadBalancers, endpoints } = hns.snapshot();
      const hasBalancer = loadBalancers.some(({ FrontendVIPs }) => FrontendVIPs?.[0] === '203.0.113.200');
      return Promise.resolve(hasBalancer && endpoints.some(({ Name }) => Name === 'other-agent'));
    },
    failNextWrite: (kernel) => {
      writes.failures.push(kernel);
      return () => writes.failures.length === 0;
    },
    writes: () => writes.count,
    close: () => Promise.resolve(),
  });
}

describe.each(FAMILIES)('the kernelspace backend on the HNS simulator, %s', (family) => {
  for (const { title, run } of contractCases({ family, createKernel: () => createKernel(family) }))
    it(title, run);
});
