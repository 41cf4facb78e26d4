/** Compares what happened to a row's connections with what the row expects. Pure. */
import type { Destination, Outcome, Packet } from '@signalbox/core';
import { NODE_SOURCES, POD_GATEWAY } from './addresses.ts';
import type { Attempt, Echo, Socket } from './agent/protocol.ts';

/** A row of a packets.table, parsed (packages/testkit: `PacketRow`). */
export interface ReplayRow {
  readonly entry: 'pod' | 'outside' | 'node';
  readonly packet: Packet;
  readonly expected: Outcome;
  /** All connections of this client go to the endpoint that got the first. */
  readonly sticky: boolean;
}

export function formatSocket({ address, port }: Socket): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function formatAttempt(attempt: Attempt): string {
  switch (attempt.kind) {
    case 'answered':
      return `${formatSocket(attempt.endpoint)} (which saw ${attempt.peer.address})`;
    case 'rejected':
      return `rejected (${attempt.code})`;
    case 'silent':
      return 'silence';
  }
}

/** The outcomes, each kind once, with its count: `3x 10.244.1.5:8080 (which saw 10.244.1.9)`. */
export function formatAttempts(attempts: readonly Attempt[]): string {
  const counts = new Map<string, number>();
  for (const text of attempts.map(formatAttempt)) counts.set(text, (counts.get(text) ?? 0) + 1);
  return [...counts].map(([text, count]) => `${count}x ${text}`).join(', ');
}

function isNodeSource(address: string): boolean {
  return NODE_SOURCES.has(address) || address === POD_GATEWAY.v4;
}

function answers(attempts: readonly Attempt[]): readonly Echo[] {
  return attempts.filter((attempt) => attempt.kind === 'answered');
}

/** The endpoint must see the client, or, masqueraded, the node. From the node itself both are the node. */
function sourceMismatch(packet: Packet, destination: Destination, { peer }: Echo): string | undefined {
  const expected = isNodeSource(packet.source) || destination.masquerade ? 'node' : 'client';
  const right = expected === 'node' ? isNodeSource(peer.address) : peer.address === packet.source;
  if (right) return undefined;
  const wanted = expected === 'node' ? 'an address of the node' : packet.source;
  return `${formatSocket(destination)} saw ${peer.address} as the source, expected ${wanted}`;
}

function checkAnswer(row: ReplayRow, destinations: readonly Destination[], echo: Echo): string | undefined {
  const said = formatSocket(echo.endpoint);
  const destination = destinations.find((candidate) => formatSocket(candidate) === said);
  if (destination === undefined) return `${said} answered, which is none of the destinations`;
  return sourceMismatch(row.packet, destination, echo);
}

function checkForward(
  row: ReplayRow,
  destinations: readonly Destination[],
  attempts: readonly Attempt[],
): string[] {
  const unanswered = attempts.filter((attempt) => attempt.kind !== 'answered');
  const echoes = answers(attempts);
  const wrong = echoes
    .map((echo) => checkAnswer(row, destinations, echo))
    .filter((text) => text !== undefined);
  const seen = new Set(echoes.map((echo) => formatSocket(echo.endpoint)));
  const unseen = destinations.map(formatSocket).filter((text) => !seen.has(text));
  const found = [...new Set(wrong)];
  if (unanswered.length > 0) found.push(`not every connection was answered: ${formatAttempts(unanswered)}`);
  if (row.sticky && seen.size > 1) found.push(`one client went to several: ${[...seen].sort().join(' ')}`);
  if (!row.sticky && unseen.length > 0) {
    found.push(`never chosen in ${attempts.length} connections: ${unseen.join(' ')}`);
  }
  return found;
}

function checkAll(kind: Attempt['kind'], attempts: readonly Attempt[]): string[] {
  const wrong = attempts.filter((attempt) => attempt.kind !== kind);
  return wrong.length === 0 ? [] : [`expected every connection ${kind}, got ${formatAttempts(wrong)}`];
}

/** No Service handles it. Its own destination may answer, and sees its real source. */
function checkPass({ packet }: ReplayRow, attempts: readonly Attempt[]): string[] {
  const own = formatSocket({ address: packet.destination, port: packet.destinationPort });
  const wrong = answers(attempts).filter(
    ({ endpoint, peer }) => formatSocket(endpoint) !== own || peer.address !== packet.source,
  );
  return wrong.length === 0 ? [] : [`expected no service to answer, got ${formatAttempts(attempts)}`];
}

/** What differs from the row's expectation, in words; empty: nothing. */
export function mismatches(row: ReplayRow, attempts: readonly Attempt[]): readonly string[] {
  const { expected } = row;
  switch (expected.kind) {
    case 'forward':
      return checkForward(row, expected.destinations, attempts);
    case 'reject':
      return checkAll('rejected', attempts);
    case 'drop':
      return checkAll('silent', attempts);
    case 'pass':
      return checkPass(row, attempts);
  }
}
