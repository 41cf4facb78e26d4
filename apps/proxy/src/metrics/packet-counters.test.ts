import { expect, it } from 'vitest';
import { IPTABLES } from '../modes/iptables.ts';
import type { PacketCounts } from '../modes/proxy-mode.ts';
import { registerPacketCounters } from './packet-counters.ts';
import { createProxyMetrics } from './proxy-metrics.ts';
import { createRegistry } from './registry.ts';

it('counters are read once they are there, and one that cannot be read keeps its value', async () => {
  const kernel: { counts: PacketCounts | null } = { counts: null };
  const registry = createRegistry();
  const metrics = createProxyMetrics(registry, () => IPTABLES);
  registerPacketCounters(registry, metrics, () => {
    const { counts } = kernel;
    return counts === null ? null : { read: async () => counts };
  });
  const values = async () =>
    [...(await registry.text()).matchAll(/^kubeproxy_iptables_\w+_packets_total (\d+)$/gm)].map(
      ([, value]) => value,
    );
  expect(await values()).toEqual(['0', '0']);
  kernel.counts = { invalidDropped: 3, localhostNodePorts: 5 };
  expect(await values()).toEqual(['3', '5']);
  kernel.counts = { invalidDropped: null, localhostNodePorts: 6 };
  expect(await values()).toEqual(['3', '6']);
});
