/** Opens the connections of all probes, a few at a time, and finds out which endpoint had each of them. */
import { PROTOCOL_NUMBER, type Clock, type Family } from '@signalbox/core';
import type { FlowKey, NetlinkResult } from '@signalbox/netlink';
import { inParallel } from '../in-parallel.ts';
import type { Attempt, ConnectRequest } from './connect.ts';
import type { CallerName, Probe } from './probes.ts';

export type Connect = (request: ConnectRequest) => Promise<readonly Attempt[]>;

/** Connection tracking of this network namespace. */
export interface Flows {
  listFlows(
    family: Family,
    protocols: readonly number[],
  ): Promise<NetlinkResult<{ readonly items: readonly FlowKey[] }>>;
}

export interface ProbeRun {
  readonly callers: ReadonlyMap<CallerName, Connect>;
  /** `null`: which endpoint had a connection is not known. */
  readonly flows: Flows | null;
  readonly clock: Clock;
  /** Connections of each probe. */
  readonly tries: number;
  /** Milliseconds for one connection. */
  readonly timeout: number;
  /** Milliseconds for all; probes that have not begun then are skipped. */
  readonly limit: number;
}

export interface ProbeAttempts {
  readonly probe: Probe;
  /** `null`: skipped, since time was up. */
  readonly attempts: readonly TracedAttempt[] | null;
}

export interface TracedAttempt extends Attempt {
  readonly endpoint: { readonly address: string; readonly port: number } | null;
}

/** Probes at the same time. */
const PARALLEL = 8;

/** Between two looks at connection tracking, which forgets an unanswered datagram after 30 s. */
const ROUND = 32;

export async function runProbes(probes: readonly Probe[], run: ProbeRun): Promise<readonly ProbeAttempts[]> {
  const deadline = run.clock.now() + run.limit;
  const done: ProbeAttempts[] = [];
  for (let from = 0; from < probes.length; from += ROUND) {
    const round = probes.slice(from, from + ROUND);
    const attempts = await inParallel(round, PARALLEL, async (probe) =>
      run.clock.now() > deadline ? null : attemptsOf(probe, run),
    );
    const found = await trackedFlows(round, run.flows);
    for (const [index, probe] of round.entries()) {
      const own = attempts[index] ?? null;
      done.push({ probe, attempts: own?.map((attempt) => traced(probe, attempt, found)) ?? null });
    }
  }
  return done;
}

async function attemptsOf(
  { caller, protocol, address, port }: Probe,
  { callers, tries, timeout }: ProbeRun,
): Promise<readonly Attempt[] | null> {
  const connect = callers.get(caller);
  if (connect === undefined || protocol === 'SCTP') return null;
  return connect({ protocol, address, port, tries, timeout });
}

type Tracked = ReadonlyMap<string, { readonly address: string; readonly port: number }>;

function keyOf(
  protocol: number,
  from: { address: string; port: number },
  to: { address: string; port: number },
): string {
  return `${protocol} ${from.address} ${from.port} ${to.address} ${to.port}`;
}

async function trackedFlows(round: readonly Probe[], flows: Flows | null): Promise<Tracked> {
  const found = new Map<string, { readonly address: string; readonly port: number }>();
  if (flows === null) return found;
  const protocols = [...new Set(round.map(({ protocol }) => PROTOCOL_NUMBER[protocol]))];
  for (const family of new Set(round.map((probe) => probe.family))) {
    const listed = await flows.listFlows(family, protocols);
    if (!listed.ok) continue;
    for (const { protocol, original, reply } of listed.value.items) {
      const from = { address: original.source, port: original.sourcePort };
      const to = { address: original.destination, port: original.destinationPort };
      // What the answers carry: after destination NAT its source is the endpoint.
      found.set(keyOf(protocol, from, to), { address: reply.source, port: reply.sourcePort });
    }
  }
  return found;
}

function traced({ protocol, address, port }: Probe, attempt: Attempt, found: Tracked): TracedAttempt {
  const { local } = attempt;
  const at =
    local === null ? undefined : found.get(keyOf(PROTOCOL_NUMBER[protocol], local, { address, port }));
  const isTranslated = at !== undefined && (at.address !== address || at.port !== port);
  return { ...attempt, endpoint: isTranslated ? at : null };
}
