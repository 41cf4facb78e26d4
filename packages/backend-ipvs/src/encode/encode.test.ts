import type { IpsetState, IpvsDestinationState, IpvsServiceState } from '@signalbox/netlink';
import { describe, expect, it } from 'vitest';
import type { IpSetEntry } from '../objects/ip-set.ts';
import { decodeSet, encodeEntry, encodeSet } from './ipset-entry.ts';
import { decodeReal, decodeServer, encodeIpvsChange } from './ipvs-change.ts';

const STATS = {} as IpvsServiceState['stats'];
const SERVICE: IpvsServiceState = {
  family: 'IPv4',
  protocol: 6,
  address: '10.96.0.10',
  port: 80,
  scheduler: 'rr',
  flags: 0x2,
  timeoutSeconds: 360,
  persistencePrefix: 32,
  stats: STATS,
};
const DESTINATION: IpvsDestinationState = {
  address: '10.244.1.5',
  port: 8080,
  forwarding: 'masquerade',
  weight: 1,
  upperThreshold: 0,
  lowerThreshold: 0,
  activeConnections: 3,
  inactiveConnections: 4,
  persistentConnections: 5,
  stats: STATS,
};

describe('virtual servers', () => {
  it('have no timeout but with persistence, and not the flag that is the kernel’s own', () => {
    const server = { protocol: 'TCP', address: '10.96.0.10', port: 80, scheduler: 'rr' } as const;
    expect(decodeServer(SERVICE)).toEqual({ ...server, flags: 0, timeoutSeconds: 0 });
    expect(decodeServer({ ...SERVICE, flags: 0x13 })).toEqual({
      ...server,
      flags: 0x11,
      timeoutSeconds: 360,
    });
  });

  it('of a protocol that no Service has are ignored', () => {
    expect(decodeServer({ ...SERVICE, protocol: 50 })).toBeNull();
  });

  it('persist for one address at a time in either family', () => {
    const server = {
      protocol: 'SCTP',
      address: 'fd00::1',
      port: 80,
      scheduler: 'rr',
      flags: 1,
      timeoutSeconds: 9,
    } as const;
    expect(encodeIpvsChange({ kind: 'server-add', server })).toMatchObject({
      kind: 'add-service',
      service: { family: 'IPv6', protocol: 132, persistencePrefix: 128 },
    });
  });
});

describe('real servers', () => {
  it('come with their connections', () => {
    expect(decodeReal(DESTINATION)).toEqual({
      address: '10.244.1.5',
      port: 8080,
      weight: 1,
      active: 3,
      inactive: 4,
      connections: STATS.connections,
    });
  });

  it('with another forwarding method have no valid weight, so that a sync updates them', () => {
    expect(decodeReal({ ...DESTINATION, forwarding: 'route' }).weight).toBe(-1);
  });
});

describe('sets', () => {
  it('of another type come without entries', () => {
    const state: IpsetState = {
      name: 'KUBE-CLUSTER-IP',
      type: 'hash:mac',
      revision: 0,
      references: 0,
      memoryBytes: 0,
      entries: [{}],
    };
    expect(decodeSet(state).entries.size).toBe(0);
  });

  it('of ports have no family', () => {
    expect(encodeSet({ name: 'P', type: 'bitmap:port', family: null, maxElements: 65_536 })).toEqual({
      name: 'P',
      type: 'bitmap:port',
      firstPort: 0,
      lastPort: 65_535,
    });
  });

  it.each<[string, IpSetEntry]>([
    [
      'hash:ip,port,net',
      { kind: 'address-port-network', address: '1.2.3.4', protocol: 'TCP', port: 80, network: '10.0.0.0/8' },
    ],
    [
      'hash:ip,port,net',
      { kind: 'address-port-network', address: 'fd00::1', protocol: 'TCP', port: 80, network: 'fd00::2/128' },
    ],
    [
      'hash:ip,port,ip',
      { kind: 'address-port-address', address: '1.2.3.4', protocol: 'SCTP', port: 80, second: '1.2.3.4' },
    ],
    ['hash:ip,port', { kind: 'address-port', address: '1.2.3.4', protocol: 'UDP', port: 53 }],
    ['hash:ip', { kind: 'address', address: 'fd00::1' }],
    ['bitmap:port', { kind: 'port', port: 30_080 }],
  ])('%s: what is written is what is read: %o', (type, entry) => {
    const state: IpsetState = {
      name: 'S',
      type,
      revision: 0,
      references: 0,
      memoryBytes: 0,
      entries: [encodeEntry(entry)],
    };
    expect([...decodeSet(state).entries.values()]).toEqual([entry]);
  });
});
