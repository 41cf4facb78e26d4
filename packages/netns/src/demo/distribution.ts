/** Which pods answered, and a bar chart of it. The drawing is pure. */
import { shareBar } from '@signalbox/core';
import type { Attempt } from '../agent/protocol.ts';
import { formatSocket } from '../check-replay.ts';
import type { World } from '../world.ts';
import type { DemoEndpoint, Frontend } from './objects.ts';

/** The two sources of connections: a pod of the node and an external client; one address a family. */
export const POD_CLIENT = { name: 'shopper', addresses: ['10.244.1.9', 'fd00:10:244:1::9'] } as const;
export const OUTSIDE_CLIENT = { name: 'client', addresses: ['198.51.100.7', '2001:db8:0:c::7'] } as const;

/** Long, because a machine may be busy: the demo checks whether an answer comes, not when. */
const TIMEOUT_MS = 10_000;
const AT_ONCE = 20;

export interface Distribution {
  readonly frontend: Frontend;
  readonly caller: string;
  /** Pod name → connections it answered. */
  readonly counts: ReadonlyMap<string, number>;
  readonly failed: number;
}

function callerOf({ kind, at }: Frontend): { readonly name: string; readonly source: string } {
  const caller = kind === 'ClusterIP' ? POD_CLIENT : OUTSIDE_CLIENT;
  return { name: caller.name, source: caller.addresses[at.address.includes(':') ? 1 : 0] };
}

export interface Calls {
  readonly frontend: Frontend;
  readonly tries: number;
  /** Milliseconds; 10,000 if absent. */
  readonly timeout?: number;
}

/** Opens connections to a frontend as its clients do: pods to cluster IPs, external clients to node ports. */
export async function callFrontend(world: World, calls: Calls): Promise<readonly Attempt[]> {
  const { frontend, tries, timeout = TIMEOUT_MS } = calls;
  const { source } = callerOf(frontend);
  const host = world.hostOf(source);
  if (host === undefined) throw new Error(`no host has the source address ${source}`);
  // By RST: after a masqueraded connection in TIME-WAIT, a server ignores SYNs of older timestamps from the same port.
  const ending = 'reset';
  const sent = { protocol: frontend.protocol, from: source, to: frontend.at, timeout, ending } as const;
  const attempts: Attempt[] = [];
  while (attempts.length < tries) {
    const batch = Math.min(AT_ONCE, tries - attempts.length);
    attempts.push(...(await host.connect({ ...sent, tries: batch })));
  }
  return attempts;
}

export function podOf(endpoints: readonly DemoEndpoint[], attempt: Attempt): string | undefined {
  if (attempt.kind !== 'answered') return undefined;
  const said = formatSocket(attempt.endpoint);
  return endpoints.find(({ at }) => formatSocket(at) === said)?.pod ?? said;
}

export async function measure(
  world: World,
  calls: Calls,
  endpoints: readonly DemoEndpoint[],
): Promise<Distribution> {
  const { frontend } = calls;
  const attempts = await callFrontend(world, calls);
  const counts = new Map<string, number>();
  for (const attempt of attempts) {
    const pod = podOf(endpoints, attempt);
    if (pod !== undefined) counts.set(pod, (counts.get(pod) ?? 0) + 1);
  }
  const failed = attempts.filter((attempt) => attempt.kind !== 'answered').length;
  return { frontend, caller: callerOf(frontend).name, counts, failed };
}

/** Of the longest bar. */
const BAR_WIDTH = 10;

export function formatFrontend({ at, protocol }: Frontend): string {
  return `${formatSocket(at)}/${protocol.toLowerCase()}`;
}

function cell(count: number, total: number): string {
  return `${String(count).padStart(3)} ${shareBar(total === 0 ? 0 : count / total)}`.padEnd(BAR_WIDTH + 6);
}

/** One row a frontend, one column a pod. */
export function drawDistributions(
  rows: readonly Distribution[],
  endpoints: readonly DemoEndpoint[],
): readonly string[] {
  const services = new Set(rows.map(({ frontend }) => frontend.service));
  return [...services].flatMap((service) => {
    const own = rows.filter(({ frontend }) => frontend.service === service);
    const listed = endpoints.filter((endpoint) => endpoint.service === service);
    const label = new Map(listed.map(({ pod, node }) => [pod, node === 'node-a' ? pod : `${pod} (${node})`]));
    for (const pod of own.flatMap(({ counts }) => [...counts.keys()]))
      if (!label.has(pod)) label.set(pod, `${pod}!`);
    const head = `  ${service.padEnd(50)}${[...label.values()].map((name) => `    ${name}`.padEnd(BAR_WIDTH + 6)).join('')}`;
    const lines = own.map(({ frontend, caller, counts, failed }) => {
      const total = [...counts.values()].reduce((sum, count) => sum + count, failed);
      const cells = [...label.keys()].map((pod) => cell(counts.get(pod) ?? 0, total)).join('');
      const lost = failed === 0 ? '' : `${failed} failed`;
      return `  ${caller.padEnd(8)}${frontend.kind.padEnd(10)}${formatFrontend(frontend).padEnd(32)}${cells}${lost}`;
    });
    return [head, ...lines].map((line) => line.trimEnd());
  });
}
