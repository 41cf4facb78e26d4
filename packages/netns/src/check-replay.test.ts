import type { Outcome } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import type { Attempt } from './agent/protocol.ts';
import { mismatches, type ReplayRow } from './check-replay.ts';

const client = '10.244.1.9';
const silent: Attempt = { kind: 'silent' };
const rejected: Attempt = { kind: 'rejected', code: 'ECONNREFUSED' };

function answered(address: string, peer: string = client): Attempt {
  return { kind: 'answered', endpoint: { address, port: 8080 }, peer: { address: peer, port: 40_000 } };
}

function row(expected: Outcome, more: Partial<ReplayRow> = {}): ReplayRow {
  const packet = {
    protocol: 'TCP',
    source: client,
    inInterface: 'cni0',
    destination: '10.96.0.10',
    destinationPort: 80,
  } as const;
  return { entry: 'pod', packet, expected, sticky: false, ...more };
}

function forward(...addresses: string[]): Outcome {
  const destinations = addresses.map((text) => ({
    address: text.replace('*', ''),
    port: 8080,
    masquerade: text.endsWith('*'),
  }));
  return { kind: 'forward', destinations };
}

describe('forward', () => {
  it('is satisfied when every destination answered and saw the right source', () => {
    const attempts = [answered('10.244.1.5'), answered('10.244.2.7', '192.0.2.10')];
    expect(mismatches(row(forward('10.244.1.5', '10.244.2.7*')), attempts)).toEqual([]);
  });

  it('names the destination that was never chosen', () => {
    expect(mismatches(row(forward('10.244.1.5', '10.244.2.7')), [answered('10.244.1.5')])).toEqual([
      'never chosen in 1 connections: 10.244.2.7:8080',
    ]);
  });

  it('names an endpoint that should not have been chosen', () => {
    const attempts = [answered('10.244.1.5'), answered('10.244.1.6')];
    expect(mismatches(row(forward('10.244.1.5')), attempts)).toEqual([
      '10.244.1.6:8080 answered, which is none of the destinations',
    ]);
  });

  it('distinguishes masqueraded from not masqueraded, both ways', () => {
    expect(mismatches(row(forward('10.244.1.5*')), [answered('10.244.1.5')])).toEqual([
      `10.244.1.5:8080 saw ${client} as the source, expected an address of the node`,
    ]);
    expect(mismatches(row(forward('10.244.1.5')), [answered('10.244.1.5', '192.0.2.10')])).toEqual([
      `10.244.1.5:8080 saw 192.0.2.10 as the source, expected ${client}`,
    ]);
  });

  it('fails if a single connection is unanswered', () => {
    expect(mismatches(row(forward('10.244.1.5')), [answered('10.244.1.5'), silent])).toEqual([
      'not every connection was answered: 1x silence',
    ]);
  });

  it('requires that a client with affinity reaches one endpoint only, whichever it is', () => {
    const sticky = row(forward('10.244.1.5', '10.244.2.7'), { sticky: true });
    expect(mismatches(sticky, [answered('10.244.2.7'), answered('10.244.2.7')])).toEqual([]);
    expect(mismatches(sticky, [answered('10.244.2.7'), answered('10.244.1.5')])).toEqual([
      'one client went to several: 10.244.1.5:8080 10.244.2.7:8080',
    ]);
  });
});

describe('no forwarding', () => {
  it.each([
    ['reject', [rejected, rejected], [rejected, silent]],
    ['drop', [silent, silent], [silent, rejected]],
    ['pass', [silent, rejected], [answered('10.244.1.5')]],
  ] as const)('%s accepts its own kind of ending only', (kind, good, bad) => {
    expect(mismatches(row({ kind }), good)).toEqual([]);
    expect(mismatches(row({ kind }), bad)).toHaveLength(1);
  });

  it('pass allows the destination itself to answer, but not to a masqueraded client', () => {
    const packet = { ...row({ kind: 'pass' }).packet, destination: '10.244.1.5', destinationPort: 8080 };
    const direct = row({ kind: 'pass' }, { packet });
    expect(mismatches(direct, [answered('10.244.1.5')])).toEqual([]);
    expect(mismatches(direct, [answered('10.244.1.5', '192.0.2.10')])).toHaveLength(1);
  });
});
