import { describe, expect, it } from 'vitest';
import { entryText, type IpSetEntry } from '../objects/ip-set.ts';
import type { VirtualServer } from '../objects/virtual-server.ts';
import { formatSets } from './ipset.ts';
import { formatServers } from './ipvsadm.ts';

const server = (more: Partial<VirtualServer>): VirtualServer => ({
  protocol: 'TCP',
  address: '10.96.0.10',
  port: 80,
  scheduler: 'rr',
  flags: 0,
  timeoutSeconds: 0,
  ...more,
});

// The lines were taken from ipvsadm 1.31 and ipset 7.17 on Linux 6.1.
describe('ipvsadm -Sn', () => {
  it.each([
    [
      server({ scheduler: 'mh', flags: 0x11, timeoutSeconds: 10_800 }),
      '-A -t 10.96.0.10:80 -s mh -p 10800 -b mh-port',
    ],
    [server({ protocol: 'UDP', port: 53 }), '-A -u 10.96.0.10:53 -s rr'],
    [server({ protocol: 'SCTP', port: 53, scheduler: 'wrr' }), '-A --sctp-service 10.96.0.10:53 -s wrr'],
    [
      server({ address: 'fd00::1', scheduler: 'sh', flags: 0x11, timeoutSeconds: 100 }),
      '-A -t [fd00::1]:80 -s sh -p 100 -b sh-port',
    ],
  ])('%o', (given, line) => {
    expect(formatServers([{ server: given, reals: new Map() }])).toBe(`${line}\n`);
  });

  it('lists real servers behind their virtual server, sorted', () => {
    const reals = new Map([
      ['b', { address: 'fd00::3', port: 8080, weight: 0 }],
      ['a', { address: 'fd00::2', port: 8080, weight: 1 }],
    ]);
    expect(formatServers([{ server: server({ address: 'fd00::1' }), reals }])).toBe(
      '-A -t [fd00::1]:80 -s rr\n-a -t [fd00::1]:80 -r [fd00::2]:8080 -m -w 1\n-a -t [fd00::1]:80 -r [fd00::3]:8080 -m -w 0\n',
    );
  });
});

describe('ipset save', () => {
  it.each<[IpSetEntry, string]>([
    [{ kind: 'address', address: 'fd00::1' }, 'fd00::1'],
    [{ kind: 'address-port', address: '1.2.3.4', protocol: 'SCTP', port: 80 }, '1.2.3.4,sctp:80'],
    [
      { kind: 'address-port-address', address: '1.2.3.4', protocol: 'UDP', port: 53, second: '1.2.3.4' },
      '1.2.3.4,udp:53,1.2.3.4',
    ],
    [
      { kind: 'address-port-network', address: 'fd00::1', protocol: 'UDP', port: 80, network: 'fd00::/64' },
      'fd00::1,udp:80,fd00::/64',
    ],
    [
      { kind: 'address-port-network', address: '1.2.3.4', protocol: 'TCP', port: 80, network: '1.2.3.5/32' },
      '1.2.3.4,tcp:80,1.2.3.5',
    ],
    [{ kind: 'port', port: 30_080 }, '30080'],
  ])('%o', (entry, text) => expect(entryText(entry)).toBe(text));

  it('shows how a set was created', () => {
    const entry: IpSetEntry = { kind: 'port', port: 30_080 };
    const bitmap = {
      set: { name: 'C', type: 'bitmap:port', family: null, maxElements: 65_536 },
      entries: new Map([['30080', entry]]),
    } as const;
    const hash = {
      set: { name: 'B', type: 'hash:ip,port,net', family: 'IPv6', maxElements: 131_072 },
      entries: new Map<string, IpSetEntry>(),
    } as const;
    expect(formatSets([bitmap, hash])).toBe(
      'create C bitmap:port range 0-65535\nadd C 30080\ncreate B hash:ip,port,net family inet6 hashsize 1024 maxelem 131072\n',
    );
  });
});
