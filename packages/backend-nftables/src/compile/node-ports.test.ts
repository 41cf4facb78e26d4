import { sampleServicePort } from '@signalbox/backend-kit/testing';
import type { DesiredNode } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import { sampleContext } from '../testing/compile-context.ts';
import { compiled, fixed } from '../testing/compiled.ts';
import { nodePortIPElements, toNodePortAddress } from './node-ports.ts';

describe('node ports (S19, S40, S41)', () => {
  const services = (nodePortAddresses: DesiredNode['nodePortAddresses']) =>
    fixed({ nodePortAddresses })['services']?.slice(-1);

  it('answer on the addresses that they are restricted to', () => {
    const ranges = { kind: 'ranges', cidrs: ['192.0.2.0/24'], loopback: false } as const;
    expect(services(ranges)).toEqual([
      'ip daddr @nodeport-ips meta l4proto . th dport vmap @service-nodeports',
    ]);
    expect(nodePortIPElements(sampleContext('IPv4', { nodePortAddresses: ranges }).node)).toEqual([
      { set: 'nodeport-ips', key: '192.0.2.10', data: '' },
    ]);
  });

  it('answer on every local address, on loopback addresses only if asked', () => {
    expect(services({ kind: 'any-local', loopback: false })).toEqual([
      'fib daddr type local ip daddr != 127.0.0.0/8 meta l4proto . th dport vmap @service-nodeports',
    ]);
    expect(services({ kind: 'any-local', loopback: true })).toEqual([
      'fib daddr type local meta l4proto . th dport vmap @service-nodeports',
    ]);
  });

  it('answer nowhere if the list is empty', () => {
    const off = { kind: 'ranges', cidrs: [], loopback: false } as const;
    expect(toNodePortAddress(sampleContext('IPv4', { nodePortAddresses: off }))).toBeNull();
    expect(fixed({ nodePortAddresses: off })['nodeport-endpoints-check']).toEqual([]);
  });

  it('of other protocols than TCP are rejected at loopback addresses that sockets serve', () => {
    const sockets = {
      nodePortAddresses: { kind: 'ranges', cidrs: [], loopback: false },
      loopbackSockets: true,
    } as const;
    expect(fixed(sockets)['nodeport-endpoints-check']).toEqual([
      'ip daddr 127.0.0.0/8 meta l4proto . th dport @loopback-nodeports goto reject-chain',
    ]);
    expect(fixed(sockets, 'IPv6')['nodeport-endpoints-check']).toEqual([
      'ip6 daddr ::1 meta l4proto . th dport @loopback-nodeports goto reject-chain',
    ]);
    const rejected = (protocol: 'TCP' | 'UDP', node: Partial<DesiredNode>) =>
      compiled(
        sampleServicePort('IPv4', { index: 1, protocol, exposed: 'cluster' }),
        sampleContext('IPv4', node),
      ).elements.filter((text) => text.startsWith('loopback-nodeports'));
    expect(rejected('UDP', sockets)).toEqual([expect.stringMatching(/^loopback-nodeports: udp \. \d+$/)]);
    expect(rejected('TCP', sockets)).toEqual([]);
    expect(rejected('UDP', {})).toEqual([]);
  });
});
