import type { Family } from '@signalbox/core';
import { afterEach, describe, expect, it } from 'vitest';
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

afterEach(stopAll);

const changes = (world: World, family: Family = 'IPv4') => world.parts.backends.get(family)?.changes ?? [];

describe('start', () => {
  it('F129 F93: nothing is programmed before both Services and EndpointSlices are complete', async () => {
    const world = await start();
    upsert(world, 'Node', NODE);
    synced(world, 'Node', 'Service', 'ServiceCIDR');
    upsert(world, 'Service', SERVICE);
    await world.settle(5000);
    expect(changes(world)).toEqual([]);
    synced(world, 'EndpointSlice');
    await world.settle();
    expect(changes(world).map(({ kind }) => kind)).toEqual(['full']);
    expect(changes(world)[0]?.servicePorts.added.map(({ key }) => key)).toHaveLength(1);
  });

  it("F116: the node's addresses are waited for, at most 30 s", async () => {
    const world = await start();
    synced(world, 'Service', 'EndpointSlice', 'Node');
    await world.settle(29_000);
    expect(changes(world)).toEqual([]);
    await world.settle(1000);
    expect(changes(world)).toHaveLength(1);
    expect(world.lines.join('')).toContain('No address of node node-a within 30s');
  });

  it('F116: with NodeCIDR the pod CIDRs are waited for, and five minutes without are fatal', async () => {
    const world = await start(['--detect-local-mode=NodeCIDR']);
    const { podCIDRs: _, ...spec } = NODE.spec;
    upsert(world, 'Node', { ...NODE, spec });
    synced(world, 'Service', 'EndpointSlice', 'Node');
    await world.settle(299_000);
    expect([changes(world), world.fatal]).toEqual([[], []]);
    await world.settle(1000);
    expect(world.fatal).toEqual([
      expect.stringContaining('timeout waiting for PodCIDR allocation of node node-a'),
    ]);
  });

  it('F124 F137: posts the Event Starting', async () => {
    const { parts } = await start(['--proxy-mode=iptables']);
    expect(parts.events).toEqual([
      { type: 'Normal', reason: 'Starting', action: 'StartKubeProxy', note: '' },
    ]);
  });

  it.each([
    [[], 1],
    [['--proxy-mode='], 1],
    [['--proxy-mode=iptables'], 0],
    [['--proxy-mode=ipvs'], 0],
  ])(
    'F19 F124: with %j a mode that was not set is reported %i times, in log and Event',
    async (argv, times) => {
      const { parts, lines } = await start(argv);
      expect(parts.events.filter(({ reason }) => reason === 'ProxyModeNotSet')).toHaveLength(times);
      expect(lines.filter((line) => /^W.*mode is not set, using iptables\. .*1\.40/.test(line))).toHaveLength(
        times,
      );
    },
  );

  it('F139: each family has its own loop, and one that fails does not hold the other back', async () => {
    const world = await start();
    world.parts.backends.get('IPv6')?.answers.push(new Error('no ip6tables'));
    upsert(world, 'Node', NODE);
    synced(world, 'Service', 'EndpointSlice', 'Node');
    await world.settle();
    expect((await world.get('health', '/readyz')).status).toBe(503);
    expect(await (await world.get('health', '/readyz')).json()).toEqual({
      ready: false,
      waitingFor: ['IPv6'],
    });
    await world.settle(1000);
    expect((await world.get('health', '/readyz')).status).toBe(200);
  });
});

async function started(argv: readonly string[] = []): Promise<World> {
  const world = await start(argv);
  upsert(world, 'Node', NODE);
  synced(world, 'Service', 'EndpointSlice', 'Node');
  await world.settle();
  return world;
}

describe('a running proxy', () => {
  it('/readyz is 503 until the first sync is found in the kernel', async () => {
    const world = await start();
    world.parts.backends
      .get('IPv4')
      ?.observations.push({ outcome: 'ok', drift: [{ kind: 'missing', type: 'chain', name: 'X' }] });
    upsert(world, 'Node', NODE);
    synced(world, 'Service', 'EndpointSlice', 'Node');
    await world.settle();
    expect((await world.get('health', '/readyz')).status).toBe(503);
    expect((await world.get('health', '/healthz')).status).toBe(200);
    await world.settle(1000);
    expect((await world.get('health', '/readyz')).status).toBe(200);
    expect(changes(world)).toHaveLength(2);
  });

  it('a kernel that never shows the rules is looked at with each sync, but does not keep the loop busy', async () => {
    const world = await start();
    const missing = { outcome: 'ok', drift: [{ kind: 'missing', type: 'chain', name: 'X' }] } as const;
    world.parts.backends.get('IPv4')?.observations.push(...Array.from({ length: 100 }, () => missing));
    upsert(world, 'Node', NODE);
    synced(world, 'Service', 'EndpointSlice', 'Node');
    await world.settle(20_000);
    expect(changes(world)).toHaveLength(5);
    await world.settle(30_000);
    expect(changes(world)).toHaveLength(6);
    expect((await world.get('health', '/readyz')).status).toBe(503);
    expect((await world.get('health', '/healthz')).status).toBe(200);
  });

  it('F101 F102 F107 F112 F115: serves /healthz and /livez, and 404 for the rest', async () => {
    const world = await started();
    const answer = await world.get('health', '/healthz');
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    const taint = { key: 'ToBeDeletedByClusterAutoscaler', effect: 'NoSchedule' };
    upsert(world, 'Node', { ...NODE, spec: { ...NODE.spec, taints: [taint] } });
    expect((await world.get('health', '/healthz')).status).toBe(503);
    expect((await world.get('health', '/livez')).status).toBe(200);
    expect((await world.get('health', '/other')).status).toBe(404);
    const metrics = await (await world.get('metrics', '/metrics')).text();
    expect(metrics).toContain('kubeproxy_proxy_healthz_total{code="200"} 1');
    expect(metrics).toContain('kubeproxy_proxy_healthz_total{code="503"} 1');
    expect(metrics).toContain('kubeproxy_proxy_livez_total{code="200"} 1');
  });

  it('F103 F104 F105 F106 F108 F109: serves what the metrics port of kube-proxy serves', async () => {
    const world = await started(['-v=3']);
    const text = async (path: string, init?: RequestInit): Promise<string> =>
      (await world.get('metrics', path, init)).text();
    expect(await text('/proxyMode')).toBe('iptables');
    expect((await world.get('metrics', '/proxyMode')).headers.get('content-type')).toBe(
      'text/plain; charset=utf-8',
    );
    expect(await text('/healthz')).toBe('ok');
    expect(await text('/healthz/ping')).toBe('ok');
    expect(await text('/healthz?verbose')).toBe('[+]ping ok\nhealthz check passed\n');
    expect(await text('/healthz?verbose&exclude=ping')).toBe('[+]ping excluded: ok\nhealthz check passed\n');
    expect(await text('/metrics/slis')).toContain('kubernetes_healthcheck{name="ping",type="healthz"} 1');
    expect(await text('/metrics/slis', { method: 'DELETE' })).toBe('metrics reset\n');
    expect(await text('/metrics/slis')).not.toContain('ping');
    const configz = JSON.parse(await text('/configz')) as Record<
      string,
      { kind: string; logging: { verbosity: number } }
    >;
    expect(configz['kubeproxy.config.k8s.io']).toMatchObject({
      kind: 'KubeProxyConfiguration',
      mode: 'iptables',
      logging: { verbosity: 3 },
    });
    expect(await text('/statusz')).toMatch(/^\nkube-proxy statusz\n[\s\S]*Started/);
    expect(await text('/flagz')).toMatch(/\nv[:= |]+3\n/);
    const object = { headers: { accept: 'application/json;g=config.k8s.io;v=v1beta1;as=Flagz' } };
    expect(JSON.parse(await text('/flagz', object))).toMatchObject({ kind: 'Flagz', flags: { v: '3' } });
    expect((await world.get('metrics', '/statusz', { headers: { accept: 'image/png' } })).status).toBe(406);
    expect((await world.get('metrics', '/debug/flags/v', { method: 'PUT', body: '4' })).status).toBe(404);
    expect((await world.get('metrics', '/nothing')).status).toBe(404);
  });

  it('F5 F108: --version=vX.Y.Z changes what /statusz and the metrics report', async () => {
    const world = await started(['--version=v1.35.4']);
    const object = { headers: { accept: 'application/json;g=config.k8s.io;v=v1beta1;as=Statusz' } };
    expect(await (await world.get('metrics', '/statusz', object)).json()).toMatchObject({
      binaryVersion: '1.35.4',
      emulationVersion: '1.35',
    });
    expect(await (await world.get('metrics', '/metrics')).text()).toContain('git_version="v1.35.4"');
  });

  it('F110 F111: with --profiling, profiles and the verbosity switch', async () => {
    const world = await started(['--profiling']);
    const put = (body: string): Promise<Response> =>
      world.get('metrics', '/debug/flags/v', { method: 'PUT', body });
    expect(await (await put('7')).text()).toBe('successfully set klog.logging.verbosity to 7');
    const refused = await put('high '.repeat(10_000));
    expect([refused.status, (await refused.text()).length < 200]).toEqual([400, true]);
    const get = await world.get('metrics', '/debug/flags/v');
    expect([get.status, await get.text()]).toEqual([406, 'unsupported http method']);
    expect((await world.get('metrics', '/debug/pprof', { redirect: 'manual' })).status).toBe(302);
    const profile = await world.get('metrics', '/debug/pprof/profile?seconds=0.1');
    expect(await profile.json()).toHaveProperty('nodes');
  });

  it('F147 F150 F151 F153 F155 F156 F157 F169 F170: metrics of a sync, by family', async () => {
    const world = await started();
    upsert(world, 'Service', SERVICE);
    await world.settle(1000);
    const metrics = await (await world.get('metrics', '/metrics')).text();
    for (const family of ['IPv4', 'IPv6']) {
      expect(metrics).toMatch(
        new RegExp(`kubeproxy_sync_proxy_rules_duration_seconds_count\\{ip_family="${family}"\\} [12]`),
      );
      expect(metrics).toContain(`kubeproxy_sync_proxy_rules_last_timestamp_seconds{ip_family="${family}"} `);
      expect(metrics).toContain(
        `kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds{ip_family="${family}"} `,
      );
      expect(metrics).toContain(
        `kubeproxy_sync_proxy_rules_no_local_endpoints_total{ip_family="${family}",traffic_policy="internal"} 0`,
      );
    }
    expect(metrics).toContain('kubeproxy_sync_proxy_rules_service_changes_total 1');
    expect(metrics).toContain('kubeproxy_sync_proxy_rules_service_changes_pending 0');
    expect(metrics).toContain('kubeproxy_sync_proxy_rules_endpoint_changes_pending 0');
    expect(metrics).toContain('kubernetes_build_info{git_version="v1.36.0",major="1",minor="36"');
    expect(metrics).toContain('kubernetes_feature_enabled{name="AllowServiceExternalIPs",stage=""} 1');
    expect(metrics).toMatch(/process_resident_memory_bytes \d+/);
    expect(metrics).toMatch(/process_virtual_memory_bytes \d+/);
    expect(metrics).toMatch(
      /registered_metrics_total\{deprecated_version="",stability_level="ALPHA"\} [1-9]\d+/,
    );
    expect(metrics).toContain('promhttp_metric_handler_requests_in_flight 1\n');
    const again = await (await world.get('metrics', '/metrics')).text();
    expect(again).toMatch(/promhttp_metric_handler_requests_total\{code="200"\} [1-9]/);
    expect(metrics).toMatch(/nodejs_heap_size_used_bytes \d+/);
  });

  it('drift that the backend reports is repaired by a sync', async () => {
    const world = await started();
    await world.settle(1000);
    const before = changes(world).length;
    world.parts.backends.get('IPv4')?.drift('chain KUBE-SERVICES');
    await world.settle(1000);
    expect(changes(world)).toHaveLength(before + 1);
  });

  it('F120 F121 F122: changes of the Node are applied and logged; its deletion leaves the rules', async () => {
    const world = await started(['--detect-local-mode=NodeCIDR']);
    upsert(world, 'Node', { ...NODE, spec: { podCIDRs: ['10.244.9.0/24'] } });
    await world.settle(1000);
    expect(changes(world).at(-1)?.node.localDetector).toEqual({ kind: 'cidrs', cidrs: ['10.244.9.0/24'] });
    expect(world.lines.join('')).toContain('"Applied changed Node" field="podCIDRs"');
    world.parts.source.handlers.onEvents([
      { type: 'delete', resource: 'Node', namespace: '', name: 'node-a' },
    ]);
    expect((await world.get('health', '/healthz')).status).toBe(503);
    expect(world.lines.join('')).toContain('was deleted; rules stay in place');
    expect(world.fatal).toEqual([]);
  });

  it.each([['--healthz-port=0', '--metrics-bind-address=none'], ['--healthz-bind-address=none']])(
    'F47 F146: without a health server (%s) health-check node ports still answer',
    async (...argv) => {
      const world = await started(argv);
      expect(world.proxy.servers.health).toBeNull();
      expect(world.proxy.servers.metrics === null).toBe(argv.length > 1);
      const port = await freePort();
      upsert(world, 'Service', healthChecked(port));
      await world.settle(1000);
      const answer = await fetch(`http://127.0.0.1:${port}/`);
      expect(answer.status).toBe(503);
      expect(await answer.json()).toMatchObject({ localEndpoints: 0, serviceProxyHealthy: true });
    },
  );
});
