import { execFileSync } from 'node:child_process';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { IPVS_SERVICE_FLAG } from '../families/ipvs/constants.ts';
import type { IpvsDestination } from '../families/ipvs/destination.ts';
import type { IpvsService } from '../families/ipvs/service.ts';
import { createIpvsClient, type IpvsChange } from './ipvs-client.ts';
import { createRouteClient } from './route-client.ts';

const client = createIpvsClient();

const https: IpvsService = {
  family: 'IPv4',
  protocol: 6,
  address: '10.96.0.1',
  port: 443,
  scheduler: 'rr',
  flags: IPVS_SERVICE_FLAG.persistent,
  timeoutSeconds: 10_800,
  persistencePrefix: 32,
};
const dns6: IpvsService = {
  ...https,
  family: 'IPv6',
  protocol: 17,
  address: 'fd00:96::a',
  port: 53,
  scheduler: 'mh',
  flags: IPVS_SERVICE_FLAG.schedulerPort,
  timeoutSeconds: 0,
  persistencePrefix: 128,
};
const endpoint: IpvsDestination = {
  address: '10.1.0.2',
  port: 6443,
  forwarding: 'masquerade',
  weight: 1,
  upperThreshold: 0,
  lowerThreshold: 0,
};
const endpoint6 = { ...endpoint, address: 'fd01::2', port: 5353 };

/** The table as ipvsadm lists it: an independent reader. */
const ipvsadm = (): string[] => execFileSync('ipvsadm', ['-Sn'], { encoding: 'utf8' }).trim().split('\n');

async function outcomes(changes: readonly IpvsChange[]): Promise<readonly (string | undefined)[]> {
  const result = await client.apply(changes);
  expect(result.ok, result.ok ? '' : result.error.message).toBe(true);
  return result.ok ? result.value.map((outcome) => outcome?.code) : [];
}

beforeEach(() => execFileSync('ipvsadm', ['-C']));
afterAll(() => client.close());

describe('the IPVS table', () => {
  it('is of a version and a size', async () => {
    const info = await client.info();
    expect(info).toMatchObject({
      ok: true,
      value: { version: expect.stringMatching(/^1\.\d+\.\d+$/) as string },
    });
    expect(info.ok && info.value.connectionTableSize).toBeGreaterThan(0);
  });

  it('holds services and destinations as ipvsadm reads them', async () => {
    const changes: IpvsChange[] = [
      { kind: 'add-service', service: https },
      { kind: 'add-destination', service: https, destination: endpoint },
      { kind: 'add-destination', service: https, destination: { ...endpoint, port: 6444, weight: 0 } },
      { kind: 'add-service', service: dns6 },
      { kind: 'add-destination', service: dns6, destination: endpoint6 },
    ];
    expect(await outcomes(changes)).toEqual([undefined, undefined, undefined, undefined, undefined]);
    expect(ipvsadm().sort()).toEqual(
      [
        '-A -t 10.96.0.1:443 -s rr -p 10800',
        '-a -t 10.96.0.1:443 -r 10.1.0.2:6443 -m -w 1',
        '-a -t 10.96.0.1:443 -r 10.1.0.2:6444 -m -w 0',
        '-A -u [fd00:96::a]:53 -s mh -b mh-port',
        '-a -u [fd00:96::a]:53 -r [fd01::2]:5353 -m -w 1',
      ].sort(),
    );
  });

  it('is read back as it was written', async () => {
    await outcomes([
      { kind: 'add-service', service: https },
      { kind: 'add-service', service: dns6 },
      { kind: 'add-destination', service: dns6, destination: endpoint6 },
    ]);
    const all = await client.listServices();
    expect(all.ok && all.value.map(({ stats: _stats, ...service }) => service)).toEqual(
      expect.arrayContaining([https, dns6]),
    );
    const only = await client.listServices('IPv6');
    expect(only.ok && only.value.map(({ address }) => address)).toEqual([dns6.address]);
    expect(await client.getService(https)).toMatchObject({ ok: true, value: https });
    expect(await client.listDestinations(dns6)).toMatchObject({
      ok: true,
      value: [{ ...endpoint6, activeConnections: 0, inactiveConnections: 0 }],
    });
    expect(await client.listDestinations(https)).toEqual({ ok: true, value: [] });
    expect(await client.listDestinations({ ...https, port: 9 }), 'no such service').toEqual({
      ok: true,
      value: [],
    });
  });

  it('is changed in place', async () => {
    await outcomes([
      { kind: 'add-service', service: https },
      { kind: 'add-destination', service: https, destination: endpoint },
    ]);
    const changed = { ...https, scheduler: 'wlc', flags: 0, timeoutSeconds: 0 };
    expect(
      await outcomes([
        { kind: 'set-service', service: changed },
        {
          kind: 'set-destination',
          service: https,
          destination: { ...endpoint, weight: 0, upperThreshold: 9 },
        },
      ]),
    ).toEqual([undefined, undefined]);
    expect(ipvsadm()).toEqual(['-A -t 10.96.0.1:443 -s wlc', '-a -t 10.96.0.1:443 -r 10.1.0.2:6443 -m -w 0']);
    const listed = await client.listDestinations(https);
    expect(listed.ok && listed.value.map(({ upperThreshold }) => upperThreshold)).toEqual([9]);
    expect(
      await outcomes([
        { kind: 'delete-destination', service: https, destination: endpoint },
        { kind: 'delete-service', service: https },
      ]),
    ).toEqual([undefined, undefined]);
    expect(await client.listServices()).toEqual({ ok: true, value: [] });
  });

  it('reports what it rejects, and applies the rest', async () => {
    expect(
      await outcomes([
        { kind: 'delete-service', service: https },
        { kind: 'add-service', service: https },
        { kind: 'add-service', service: https },
        { kind: 'add-service', service: { ...https, port: 1, scheduler: 'nosuch' } },
        { kind: 'add-destination', service: dns6, destination: endpoint6 },
        { kind: 'delete-destination', service: https, destination: endpoint },
        { kind: 'add-destination', service: https, destination: endpoint },
        { kind: 'add-destination', service: https, destination: endpoint },
      ]),
    ).toEqual(['not-found', undefined, 'exists', 'not-found', 'not-found', 'not-found', undefined, 'exists']);
    expect(await client.getService(dns6)).toMatchObject({
      ok: false,
      error: { code: 'not-found', message: 'ESRCH: [fd00:96::a]:53/udp' },
    });
    expect(ipvsadm().length).toBe(2);
  });

  it('takes a thousand services with destinations in one go', async () => {
    const services = Array.from({ length: 1000 }, (_, at) => ({
      ...https,
      address: `10.97.${at >> 8}.${at & 255}`,
    }));
    const changes = services.flatMap((service): IpvsChange[] => [
      { kind: 'add-service', service },
      { kind: 'add-destination', service, destination: endpoint },
    ]);
    expect((await outcomes(changes)).filter((outcome) => outcome !== undefined)).toEqual([]);
    const listed = await client.listServices();
    expect(listed.ok && listed.value.length).toBe(1000);
  });

  it('keeps the timeouts that are not named', async () => {
    await client.setTimeouts({ tcp: 900, tcpFin: 120, udp: 300 });
    expect(await client.setTimeouts({ udp: 77 })).toMatchObject({ ok: true });
    expect(await client.timeouts()).toEqual({ ok: true, value: { tcp: 900, tcpFin: 120, udp: 77 } });
  });
});

describe('a dummy link', () => {
  it('is made, stays down, and takes service addresses', async () => {
    const route = createRouteClient();
    const name = 'nl-ipvs0';
    expect(await route.addLink({ name, kind: 'dummy' })).toMatchObject({ ok: true });
    const link = await route.getLink({ name });
    expect(link).toMatchObject({ ok: true, value: { name, kind: 'dummy' } });
    const linkIndex = link.ok ? link.value.index : 0;
    const address = { family: 'IPv4', address: '10.96.0.1', prefixLength: 32, linkIndex } as const;
    expect(await route.applyAddresses([{ kind: 'add-address', address }])).toEqual({
      ok: true,
      value: [undefined],
    });
    expect(execFileSync('ip', ['-o', '-4', 'address', 'show', name], { encoding: 'utf8' })).toContain(
      '10.96.0.1/32',
    );
    expect(await route.deleteLink({ name })).toMatchObject({ ok: true });
    route.close();
  });
});
