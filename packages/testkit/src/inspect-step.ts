/** After the packets of a step: what the kernel holds for the service ports, and what it counted. */
import type { Backend, KernelService } from '@signalbox/core';
import { expect, vi } from 'vitest';
import type { PacketRow } from './packets-table.ts';

/** Few, since everything in the kernel is listed for each step, which takes seconds in User-Mode Linux. */
const SCENARIOS: readonly string[] = ['cluster-ip/tcp', 'cluster-ip/ipv6', 'node-port/tcp'];

/** IPVS sums its statistics every 2 s (net/netfilter/ipvs/ip_vs_est.c); a busy machine may take longer. */
const COUNTED_WITHIN = { timeout: 20_000, interval: 200 };

export function isInspected(scenario: string): boolean {
  return SCENARIOS.includes(scenario);
}

/** `sent`: the rows whose packets were sent. Connections are counted for endpoints that they may reach, and for no other. */
export async function expectInspected(backend: Backend, sent: readonly PacketRow[]): Promise<void> {
  expect(await backend.difference?.()).toEqual({ outcome: 'ok', lines: [] });
  const services = await inspect(backend);
  const lost = services.flatMap(({ objects }) => objects.filter(({ state }) => state !== 'held'));
  expect(lost, 'objects that the kernel does not hold').toEqual([]);
  const destinations = destinationsOf(backend, sent);
  await vi.waitFor(async () => expectCounts(await inspect(backend), destinations), COUNTED_WITHIN);
}

async function inspect(backend: Backend): Promise<readonly KernelService[]> {
  const inspected = await backend.inspect?.(null);
  if (inspected?.outcome !== 'ok') expect.unreachable(JSON.stringify(inspected));
  return [...inspected.servicePorts.values()];
}

type Destinations = readonly ReadonlySet<string>[];

function destinationsOf({ family }: Backend, sent: readonly PacketRow[]): Destinations {
  return sent.flatMap((row) => {
    if (row.family !== family || row.expected.kind !== 'forward') return [];
    return [new Set(row.expected.destinations.map(({ address }) => address))];
  });
}

function expectCounts(services: readonly KernelService[], destinations: Destinations): void {
  const counts = services.flatMap(({ endpoints }) => endpoints);
  if (counts.length === 0) return;
  const reachable = new Set(destinations.flatMap((addresses) => [...addresses]));
  const elsewhere = counts.filter(({ address, connections }) => connections > 0 && !reachable.has(address));
  expect(elsewhere, 'counted for endpoints that no packet may reach').toEqual([]);
  for (const addresses of destinations) {
    const counted = counts.filter(({ address }) => addresses.has(address));
    const total = counted.reduce((sum, { connections }) => sum + connections, 0);
    expect(total, `connections to ${[...addresses].join(', ')}`).toBeGreaterThan(0);
  }
}
