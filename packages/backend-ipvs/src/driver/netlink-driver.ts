import { release } from 'node:os';
import { createExecDriver, type IptablesDriver } from '@signalbox/iptables';
import type { Clock, Family } from '@signalbox/core';
import { systemClock } from '@signalbox/core/system-clock';
import { createIpsetClient, createIpvsClient, createRouteClient, errorOf } from '@signalbox/netlink';
import { applyOperations } from './apply-operations.ts';
import type { Clients } from './clients.ts';
import { findDevice } from './device.ts';
import { createDeviceWatch, type DeviceWatch } from './device-watch.ts';
import type { IpvsDriver, IpvsTimeoutOptions } from './ipvs-driver.ts';
import { readSysctl, writeSysctl } from './kernel-facts.ts';
import { observeKernel, observeReals } from './observe-kernel.ts';
import { packetFilterDifference, removeObsoleteRules } from './packet-filter.ts';
import { probeKernel } from './probe.ts';
import { createRuleComparison, watchRules } from './rule-watch.ts';

/** The family, and the iptables to use. */
export interface NetlinkDriverOptions {
  /** The IP family of virtual servers, sets and rules. */
  readonly family: Family;
  /** How to reach the packet filter; the node's own iptables by default. */
  readonly iptables?: IptablesDriver;
  /** By default that of the process. */
  readonly clock?: Clock;
}

/** The kernel of the network namespace that this process is in. Sockets are opened when first needed. */
export function createNetlinkDriver(options: NetlinkDriverOptions): IpvsDriver {
  const { family, clock = systemClock, iptables = createExecDriver({ family, clock }) } = options;
  const clients: Clients = {
    ipvs: createIpvsClient({ clock }),
    ipset: createIpsetClient({ clock }),
    route: createRouteClient({ clock }),
  };
  const device = createDeviceWatch({ family, clock });
  const rules = createRuleComparison(iptables);
  return {
    kernelRelease: release,
    async hasRandomFully() {
      const facts = await iptables.probe();
      return facts.ok ? { ok: true, value: facts.value.randomFully } : facts;
    },
    readSysctl,
    writeSysctl,
    probe: (scheduler) => probeKernel(clients, scheduler),
    setTimeouts: async (timeouts) => errorOf(await clients.ipvs.setTimeouts(wholeSeconds(timeouts))),
    observe: () => observeKernel(clients, family, (index) => device.setDevice(index)),
    packetFilterDrift: (packetFilter) => rules.compare(packetFilter),
    packetFilterDifference: (packetFilter) => packetFilterDifference(iptables, packetFilter),
    status: (servers) => observeReals(clients, servers),
    async apply(operations) {
      device.expect(operations);
      const results = await applyOperations({ clients, iptables, clock }, operations);
      if (operations.some(({ kind }) => kind === 'device-create')) await readIndex(clients, device);
      return results;
    },
    removeRules: (remains, kept = null) => removeObsoleteRules(iptables, remains, kept?.rules ?? null),
    watch: (onDrift, onProblem) => {
      const stops = [device.start(onDrift, onProblem), watchRules({ iptables, rules, onDrift, onProblem })];
      return () => stops.forEach((stop) => stop());
    },
    async close() {
      for (const client of Object.values(clients)) client.close();
      await iptables.close();
    },
  };
}

/** Of a device that was perhaps created before the watch started. */
async function readIndex(clients: Clients, device: DeviceWatch): Promise<void> {
  const found = await findDevice(clients);
  device.setDevice(found.ok ? found.value.index : null);
}

/** The kernel counts in seconds and takes 0 as "leave it". */
function wholeSeconds({ tcp = 0, tcpFin = 0, udp = 0 }: IpvsTimeoutOptions): Required<IpvsTimeoutOptions> {
  return { tcp: Math.floor(tcp), tcpFin: Math.floor(tcpFin), udp: Math.floor(udp) };
}
