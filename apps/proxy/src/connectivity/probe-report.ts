/** What the connections of `signalbox test` showed. Pure. */
import { formatAddressPort, shareBar, type Explanation } from '@signalbox/core';
import type { Probe } from './probes.ts';
import type { ProbeAttempts, TracedAttempt } from './run-probes.ts';

export interface ProbeResult extends Omit<Probe, 'servicePort'> {
  /**
   * `answered`: all connections. `unanswered`: some were rejected or silent. `unknown`: a datagram without an answer, which UDP
   * does not distinguish from one that was received. `skipped`: not tried.
   */
  readonly state: 'answered' | 'unanswered' | 'unknown' | 'skipped';
  readonly connections: number;
  readonly answered: number;
  readonly rejected: number;
  readonly silent: number;
  /** By connections; empty where connection tracking does not show them. */
  readonly endpoints: readonly EndpointShare[];
  /** What the rules of Kubernetes say about such a connection. */
  readonly expected: Pick<Explanation, 'rule' | 'reason'> & {
    readonly outcome: Explanation['outcome']['kind'];
  };
}

interface EndpointShare {
  readonly address: string;
  readonly port: number;
  readonly connections: number;
}

/** `hostAddresses`: of this node. Where the proxy itself takes the connection, connection tracking shows its socket, no endpoint. */
export function probeResult(
  { probe, attempts }: ProbeAttempts,
  explanation: Explanation,
  hostAddresses: readonly string[],
): ProbeResult {
  const { servicePort: _, ...rest } = probe;
  const tried = attempts ?? [];
  const count = (result: TracedAttempt['result']): number =>
    tried.filter((attempt) => attempt.result === result).length;
  const counts = { answered: count('answered'), rejected: count('rejected'), silent: count('silent') };
  const { rule, reason, outcome, endpoints } = explanation;
  const isEndpoint = ({ address, port }: EndpointShare): boolean =>
    !hostAddresses.includes(address) ||
    endpoints.some((each) => each.address === address && each.port === port);
  const expected = { outcome: outcome.kind, rule, reason };
  const result = {
    ...rest,
    connections: tried.length,
    ...counts,
    endpoints: sharesOf(tried).filter(isEndpoint),
    expected,
  };
  return { ...result, state: attempts === null ? 'skipped' : stateOf(result) };
}

function stateOf(result: Omit<ProbeResult, 'state'>): ProbeResult['state'] {
  const { protocol, connections, answered, rejected, expected } = result;
  if (answered === connections) return 'answered';
  const isOpen = protocol === 'UDP' && rejected === 0 && expected.outcome === 'forward';
  return isOpen ? 'unknown' : 'unanswered';
}

function sharesOf(attempts: readonly TracedAttempt[]): readonly EndpointShare[] {
  const shares = new Map<string, EndpointShare>();
  for (const { endpoint } of attempts) {
    if (endpoint === null) continue;
    const key = formatAddressPort(endpoint.address, endpoint.port);
    const { connections = 0 } = shares.get(key) ?? {};
    shares.set(key, { ...endpoint, connections: connections + 1 });
  }
  return [...shares.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, share]) => share);
}

/** `skipped`: what could not be tried, and why. */
export function renderReport(results: readonly ProbeResult[], skipped: readonly string[]): string {
  const services = [...new Set(results.map(({ service }) => service))];
  const parts = services.map((service) => {
    const own = results.filter((result) => result.service === service);
    return `${service}\n${own.flatMap((result) => [row(result), ...reasonRow(result)]).join('')}`;
  });
  const count = (state: ProbeResult['state']): number =>
    results.filter((each) => each.state === state).length;
  const total = [
    `${count('answered')} answered`,
    `${count('unanswered')} not answered`,
    ...(count('unknown') === 0 ? [] : [`${count('unknown')} unknown (UDP without an answer)`]),
    ...(count('skipped') === 0 ? [] : [`${count('skipped')} skipped`]),
  ];
  const notes = skipped.map((line) => `Skipped: ${line}\n`);
  return [...parts, ...notes, `Total: ${total.join(', ')}\n`].join('');
}

function row(result: ProbeResult): string {
  const { caller, kind, address, port, protocol, connections, answered, endpoints, state } = result;
  const at = `${formatAddressPort(address, port)}/${protocol.toLowerCase()}`;
  const shares = endpoints.map((share) => {
    const bar = shareBar(share.connections / connections);
    return `  ${formatAddressPort(share.address, share.port)} ${share.connections} ${bar}`;
  });
  const words = state === 'skipped' ? 'skipped' : `${answered}/${connections} answered`;
  const line = `  ${caller.padEnd(6)}${kind.padEnd(11)}${at.padEnd(32)}${words.padEnd(16)}${shares.join('')}`;
  return `${line.trimEnd()}\n`;
}

/** Below a row that needs one: what the rules say. */
function reasonRow({ state, rejected, silent, expected }: ProbeResult): readonly string[] {
  if (state !== 'unanswered') return [];
  const { outcome, reason, rule } = expected;
  const seen = [
    ...(rejected > 0 ? [`${rejected} refused`] : []),
    ...(silent > 0 ? [`${silent} without an answer`] : []),
  ].join(', ');
  const isExpected = outcome === 'reject' || outcome === 'drop';
  const words = isExpected ? 'as the rules say' : 'the rules forward them';
  return [`        ${seen}; ${words}: ${reason} (${rule})\n`];
}
