import { createServer, type Server } from 'node:net';
import { backendError, type SyncResult } from '@signalbox/core';
import { afterEach, describe, expect, it } from 'vitest';
import { CHECK_DELAY_MS } from './sync/shared-address-reporter.ts';
import { SETTLE_MS } from './sync/conflict-reporter.ts';
import { SYNCED } from './testing/composition.ts';
import { dnsService, dnsSlice } from './testing/dns-service.ts';
import { settingsOf } from './testing/settings.ts';
import { freePort } from './testing/free-port.ts';
import {
  healthChecked,
  NODE,
  SERVICE,
  start,
  stopAll,
  synced,
  upsert,
  type World,
} from './testing/proxy-world.ts';

const rivals: Server[] = [];
afterEach(async () => {
  await stopAll();
  for (const rival of rivals.splice(0)) await new Promise((resolve) => rival.close(resolve));
});

function occupy(port: number): Promise<void> {
  return new Promise((resolve) => {
    const server = createServer();
    rivals.push(server);
    server.listen(port, '127.0.0.1', resolve);
  });
}

/** Turns of the event loop, so that listeners come to their end. */
async function turns(count = 20): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

describe('addresses that are taken', () => {
  it('F112 F16: a bind that fails is tried again every 5 s, and the log names the process that may have the port', async () => {
    const port = await freePort();
    await occupy(port);
    const world = await start([`--metrics-bind-address=127.0.0.1:${port}`]);
    await turns();
    expect(world.lines.join('')).toContain(
      `metrics: 127.0.0.1:${port} is in use: another kube-proxy or signalbox`,
    );
    for (const rival of rivals.splice(0)) await new Promise((resolve) => rival.close(resolve));
    world.parts.manualClock.advance(5000);
    await turns();
    expect(await (await fetch(`http://127.0.0.1:${port}/proxyMode`)).text()).toBe('iptables');
    expect(world.fatal).toEqual([]);
  });

  it.each([
    ['healthz', '--healthz-bind-address', 'FailedToStartProxierHealthcheck'],
    ['metrics', '--metrics-bind-address', 'FailedToStartMetricServer'],
  ])(
    'F16 F137: with --bind-address-hard-fail a taken %s address is fatal, and an Event',
    async (name, flag, reason) => {
      const port = await freePort();
      await occupy(port);
      const world = await start([`${flag}=127.0.0.1:${port}`, '--bind-address-hard-fail']);
      await turns();
      expect(world.fatal).toEqual([
        expect.stringContaining(`failed to start ${name} server on 127.0.0.1:${port}`),
      ]);
      expect(world.parts.events).toContainEqual(expect.objectContaining({ type: 'Warning', reason }));
    },
  );

  it('F137 F141: a health-check node port that is taken is a Warning about the Service', async () => {
    const world: World = await start(['--nodeport-addresses=127.0.0.0/8']);
    const port = await freePort();
    await occupy(port);
    upsert(world, 'Node', NODE);
    synced(world, 'Service', 'EndpointSlice', 'Node');
    upsert(world, 'Service', healthChecked(port));
    await world.settle();
    expect(world.parts.events.at(-1)).toMatchObject({
      type: 'Warning',
      reason: 'FailedToStartServiceHealthcheck',
      action: 'Listen',
      service: { namespace: 'default', name: 'web' },
    });
  });
});

describe('Services that are not served as they ask', () => {
  const named = (name: string, created: string): object => ({
    ...SERVICE,
    metadata: { ...SERVICE.metadata, name, creationTimestamp: created },
  });

  it('F137 S28: an address that an older Service has is a Warning about the Service that lost', async () => {
    const world = await start();
    upsert(world, 'Node', NODE);
    upsert(world, 'Service', named('old', '2026-01-01T00:00:00Z'));
    upsert(world, 'Service', named('new', '2026-02-01T00:00:00Z'));
    synced(world, 'Service', 'EndpointSlice', 'Node');
    await world.settle(2 * SETTLE_MS);
    expect(world.parts.events.filter(({ reason }) => reason === 'AddressConflict')).toEqual([
      expect.objectContaining({
        note: expect.stringMatching(/10\.96\.0\.10:80\/TCP: already used by Service default\/old/) as string,
        service: { namespace: 'default', name: 'new' },
      }),
    ]);
  });

  it('F137: a port that the kernel refuses is one Warning about the Service, not one for each retry', async () => {
    const world = await start();
    const error = backendError('rejected', 'iptables-restore', 'line 3 failed');
    const refused: SyncResult = {
      ...SYNCED,
      outcome: 'partial',
      failures: [{ key: 'default/web:http/TCP', error }],
    };
    world.parts.backends.get('IPv4')?.answers.push(refused, refused, refused);
    upsert(world, 'Node', NODE);
    upsert(world, 'Service', SERVICE);
    synced(world, 'Service', 'EndpointSlice', 'Node');
    await world.settle(30_000);
    expect(world.parts.backends.get('IPv4')?.answers).toEqual([]);
    expect(world.parts.events.filter(({ reason }) => reason === 'FailedToProgramServicePort')).toEqual([
      expect.objectContaining({
        type: 'Warning',
        note: 'default/web:http/TCP IPv4: iptables-restore: line 3 failed (rejected)',
        service: { namespace: 'default', name: 'web' },
      }),
    ]);
  });
});

describe('annotations', () => {
  const annotated = (value: string): object => ({
    ...SERVICE,
    metadata: { ...SERVICE.metadata, annotations: { 'signalbox.dev/load-balancing': value } },
  });
  const eventsOf = (world: World, reason: string): unknown[] =>
    world.parts.events.filter((event) => event.reason === reason);

  it('F137: with an invalid value are one Warning about the Service, which is served', async () => {
    const world = await start();
    upsert(world, 'Node', NODE);
    upsert(world, 'Service', annotated('fastest'));
    synced(world, 'Service', 'EndpointSlice', 'Node');
    upsert(world, 'Service', annotated('fastest'));
    await world.settle(1000);
    expect(eventsOf(world, 'InvalidAnnotation')).toEqual([
      expect.objectContaining({
        type: 'Warning',
        note: expect.stringMatching(
          /annotations\[signalbox\.dev\/load-balancing\]: invalid value "fastest"/,
        ) as string,
        service: { namespace: 'default', name: 'web' },
      }),
    ]);
    expect(
      world.lines.filter((line) => line.includes('"fastest"') || line.includes('\\"fastest')),
    ).toHaveLength(1);
    expect(world.parts.backends.get('IPv4')?.changes[0]?.servicePorts.added).toHaveLength(1);
  });

  it('F137: of an EndpointSlice with an invalid value are a Warning about its Service', async () => {
    const world = await start();
    const slice = dnsSlice('10.244.1.5');
    if (slice.type !== 'upsert') throw new Error('not an upsert');
    const object = slice.object as { readonly metadata: object };
    const metadata = { ...object.metadata, annotations: { 'signalbox.dev/weight': '0' } };
    world.parts.source.handlers.onEvents([dnsService(), { ...slice, object: { ...object, metadata } }]);
    expect(eventsOf(world, 'InvalidAnnotation')).toEqual([
      expect.objectContaining({
        note: expect.stringMatching(/^EndpointSlice default\/dns-1\..*invalid value "0"/) as string,
        service: { namespace: 'default', name: 'dns' },
      }),
    ]);
  });

  it('F137: that the mode does not support are one Warning about the Service, for all ports and families', async () => {
    const world = await start();
    for (const backend of world.parts.backends.values()) {
      Object.assign(backend, {
        balancing: () => ({ algorithms: ['random'], default: 'random', weights: true }),
      });
    }
    upsert(world, 'Node', NODE);
    upsert(world, 'Service', annotated('maglev'));
    synced(world, 'Service', 'EndpointSlice', 'Node');
    await world.settle(30_000);
    upsert(world, 'Service', annotated('random'));
    await world.settle(1000);
    const note =
      'metadata.annotations[signalbox.dev/load-balancing] "maglev" is not supported in mode iptables: random is used';
    const service = { namespace: 'default', name: 'web' };
    expect(eventsOf(world, 'UnsupportedLoadBalancing')).toEqual([expect.objectContaining({ note, service })]);
    expect(world.lines.filter((line) => line.includes('is not supported in mode'))).toHaveLength(1);
  });
});

describe('an external IP that is the address of a pod', () => {
  it.each([
    ['ipvs', 1],
    ['iptables', 0],
  ])('F137: is a Warning about the Service in %s mode %i times', async (mode, times) => {
    const world = await start([`--proxy-mode=${mode}`]);
    upsert(world, 'Node', NODE);
    upsert(world, 'Service', {
      ...SERVICE,
      spec: {
        ...SERVICE.spec,
        clusterIP: '10.96.0.11',
        clusterIPs: ['10.96.0.11'],
        externalIPs: ['10.244.1.5'],
      },
    });
    world.parts.source.handlers.onEvents([dnsService(), dnsSlice('10.244.1.5')]);
    synced(world, 'Service', 'EndpointSlice', 'Node');
    await world.settle(2 * CHECK_DELAY_MS);
    const event = { reason: 'ExternalAddressInUse', service: { namespace: 'default', name: 'web' } };
    expect(world.parts.events.filter(({ reason }) => reason === event.reason)).toEqual(
      Array.from({ length: times }, () => expect.objectContaining(event) as unknown),
    );
  });
});

describe('external failover that the proxy mode cannot do', () => {
  it('S66: is a Warning about the Service, after a change of the mode too, and the Service is served', async () => {
    const annotations = { 'signalbox.dev/external-failover': 'passthrough' };
    const spec = { ...SERVICE.spec, type: 'NodePort', externalTrafficPolicy: 'Local' };
    const world = await start();
    const warnings = (): unknown[] =>
      world.parts.events.filter(({ reason }) => /Annotation|Unsupported/.test(reason));
    upsert(world, 'Node', NODE);
    upsert(world, 'Service', { ...SERVICE, spec, metadata: { ...SERVICE.metadata, annotations } });
    synced(world, 'Service', 'EndpointSlice', 'Node');
    await world.settle(1000);
    expect(warnings()).toEqual([]);
    const switching = world.proxy.switchMode(settingsOf(['--proxy-mode=ipvs']));
    await world.settle(2000);
    expect(await switching).toBeNull();
    expect(warnings()).toEqual([
      expect.objectContaining({
        type: 'Warning',
        reason: 'UnsupportedExternalFailover',
        note: 'metadata.annotations[signalbox.dev/external-failover] "passthrough" is not supported in mode ipvs: its default is used',
        service: { namespace: 'default', name: 'web' },
      }),
    ]);
    expect(world.parts.backends.get('IPv4')?.changes[0]?.servicePorts.added).toHaveLength(1);
  });
});

describe('configuration applied by a running proxy', () => {
  it('F91: verbosity, periods, node ports and detection change without a restart', async () => {
    const world = await start();
    upsert(world, 'Node', NODE);
    synced(world, 'Service', 'EndpointSlice', 'Node');
    await world.settle();
    world.proxy.reconfigure(
      settingsOf([
        '--hostname-override=node-a',
        '-v=2',
        '--cluster-cidr=10.9.0.0/16',
        '--nodeport-addresses=10.0.0.0/8',
        '--iptables-sync-period=5s',
      ]),
    );
    await world.settle(1000);
    const last = world.parts.backends.get('IPv4')?.changes.at(-1);
    expect(last?.nodeChanged).toBe(true);
    expect(last?.node.localDetector).toEqual({ kind: 'cidrs', cidrs: ['10.9.0.0/16'] });
    expect(last?.node.nodePortAddresses).toMatchObject({ kind: 'ranges', cidrs: ['10.0.0.0/8'] });
    const before = world.parts.backends.get('IPv4')?.changes.length ?? 0;
    await world.settle(5000);
    expect(world.parts.backends.get('IPv4')?.changes).toHaveLength(before + 1);
    expect(world.lines.join('')).toContain('"Synced" family="IPv4"');
  });
});
