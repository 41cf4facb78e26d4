/** Reads `packets.table` (scenarios/README.md). */
import type { Destination, Family, Outcome, Packet, Protocol } from '@signalbox/core';

export type Entry = 'pod' | 'outside' | 'node';

export interface PacketRow {
  readonly entry: Entry;
  readonly packet: Packet;
  readonly family: Family;
  readonly expected: Outcome;
  /** The endpoint chosen first keeps this client. */
  readonly sticky: boolean;
  /** The line as written, for messages. */
  readonly text: string;
}

const INTERFACE_OF: Readonly<Record<Entry, string | null>> = { pod: 'cni0', outside: 'eth0', node: null };
const ROW = /^(?<entry>pod|outside|node)\s+(?<source>\S+)\s+(?<to>\S+)\s+(?<outcome>\S.*)$/;
const TO = /^(?:\[(?<v6>[^\]]+)\]|(?<v4>[0-9.]+)):(?<port>\d+)\/(?<protocol>tcp|udp|sctp)$/;
const ENDPOINT = /^(?:\[(?<v6>[^\]]+)\]|(?<v4>[0-9.]+)):(?<port>\d+)(?<masquerade>\*?)$/;

export function parsePacketsTable(text: string, file: string): readonly PacketRow[] {
  const rows: PacketRow[] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.replace(/#.*/, '').trim();
    if (line !== '') rows.push(parseRow(line, `${file}:${index + 1}`));
  }
  return rows;
}

/** The form used in the tables: `10.0.0.1:80` or `[fd00::1]:80`, with `*` when masqueraded. */
export function formatDestination(destination: Destination): string {
  const { address, port, masquerade } = destination;
  return `${address.includes(':') ? `[${address}]` : address}:${port}${masquerade ? '*' : ''}`;
}

export function formatOutcome(outcome: Outcome): string {
  if (outcome.kind !== 'forward') return outcome.kind;
  return `forward ${outcome.destinations.map(formatDestination).sort().join(' ')}`;
}

function parseRow(line: string, where: string): PacketRow {
  const row = ROW.exec(line)?.groups;
  const to = TO.exec(row?.['to'] ?? '')?.groups;
  if (row === undefined || to === undefined) throw new Error(`${where}: not a packet row: ${line}`);
  const entry = row['entry'] as Entry;
  const words = (row['outcome'] ?? '').split(/\s+/);
  const sticky = words.at(-1) === 'sticky';
  const family: Family = to['v6'] === undefined ? 'IPv4' : 'IPv6';
  const packet: Packet = {
    protocol: (to['protocol'] ?? '').toUpperCase() as Protocol,
    source: row['source'] ?? '',
    inInterface: INTERFACE_OF[entry],
    destination: to['v6'] ?? to['v4'] ?? '',
    destinationPort: Number(to['port']),
  };
  return {
    entry,
    packet,
    family,
    sticky,
    text: line,
    expected: parseOutcome(sticky ? words.slice(0, -1) : words, where),
  };
}

function parseOutcome(words: readonly string[], where: string): Outcome {
  const [kind, ...rest] = words;
  if (kind === 'reject' || kind === 'drop' || kind === 'pass') return { kind };
  if (kind !== 'forward' || rest.length === 0)
    throw new Error(`${where}: unknown outcome ${words.join(' ')}`);
  return { kind, destinations: rest.map((word) => parseDestination(word, where)) };
}

function parseDestination(word: string, where: string): Destination {
  const found = ENDPOINT.exec(word)?.groups;
  if (found === undefined) throw new Error(`${where}: not an endpoint: ${word}`);
  return {
    address: found['v6'] ?? found['v4'] ?? '',
    port: Number(found['port']),
    masquerade: found['masquerade'] === '*',
  };
}
