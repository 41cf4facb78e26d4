/** The page over HTTP, read with the parser of the HTML standard. */
import type { KernelService, Model } from '@signalbox/core';
import { parse, type DefaultTreeAdapterTypes, type ParserError } from 'parse5';
import { afterEach, describe, expect, it } from 'vitest';
import { describeText } from '../commands/describe-text.ts';
import type { Settings } from '../config/settings.ts';
import type { ServiceAnswer } from '../inspect/answers.ts';
import { serviceRows } from '../inspect/service-rows.ts';
import { textOf } from '../testing/page-text.ts';
import { HOSTILE, startPageWorld } from '../testing/page-world.ts';
import { recordingComposition } from '../testing/composition.ts';
import { start, stopAll, upsert, SERVICE, NODE, synced, type World } from '../testing/proxy-world.ts';

afterEach(stopAll);

type Node = DefaultTreeAdapterTypes.Node;
type Element = DefaultTreeAdapterTypes.Element;

function elementsOf(node: Node): readonly Element[] {
  const children = 'childNodes' in node ? node.childNodes.flatMap(elementsOf) : [];
  return 'tagName' in node ? [node, ...children] : children;
}

const attribute = (element: Element, name: string): string | undefined =>
  element.attrs.find((each) => each.name === name)?.value;

async function read(world: World, path: string, status = 200) {
  const response = await world.get('metrics', path);
  expect(response.status).toBe(status);
  const errors: ParserError[] = [];
  const root = parse(await response.text(), { onParseError: (error) => errors.push(error) });
  expect(errors).toEqual([]);
  const elements = elementsOf(root);
  const texts = (tagName: string): string[] =>
    elements
      .filter((element) => element.tagName === tagName)
      .map((element) => textOf(element).replaceAll(/\s+/g, ' ').trim());
  return { response, elements, texts, text: textOf(root).replaceAll(/\s+/g, ' ') };
}

const PATHS = [
  '/',
  '/?q=web&state=served',
  '/page/default/web',
  '/page/default/hostile',
  '/page/default/empty',
];

describe('F112: every page', () => {
  it('is a valid document: no parse error, unique ids, labels and references that exist', async () => {
    const world = await startPageWorld();
    for (const path of PATHS) {
      const { elements } = await read(world, path);
      const ids = elements.flatMap((element) => attribute(element, 'id') ?? []);
      expect(new Set(ids).size, path).toBe(ids.length);
      const references = ['for', 'aria-labelledby'].flatMap((name) =>
        elements.flatMap((element) => attribute(element, name) ?? []),
      );
      expect(
        references.filter((id) => !ids.includes(id)),
        path,
      ).toEqual([]);
      const labelled = elements.flatMap((element) => attribute(element, 'for') ?? []);
      const fields = elements.filter(({ tagName }) => tagName === 'input' || tagName === 'select');
      expect(
        fields.filter((field) => !labelled.includes(attribute(field, 'id') ?? '')),
        path,
      ).toEqual([]);
      expect(
        elements.filter(({ tagName }) => tagName === 'h1'),
        path,
      ).toHaveLength(1);
      const header = elements.filter(({ tagName }) => tagName === 'th');
      expect(
        header.filter((cell) => attribute(cell, 'scope') === undefined),
        path,
      ).toEqual([]);
    }
  });

  it('has no inline script, style or handler, and no reference to another server', async () => {
    const world = await startPageWorld();
    const hostile = encodeURIComponent(HOSTILE);
    for (const path of [...PATHS, `/?q=${hostile}&from=${hostile}&to=${hostile}&state=${hostile}`]) {
      const { elements, response } = await read(world, path);
      expect(elements.filter(({ tagName }) => tagName === 'style' || tagName === 'img')).toEqual([]);
      const scripts = elements.filter(({ tagName }) => tagName === 'script');
      expect(scripts.map((script) => attribute(script, 'src'))).toEqual(['/page.js']);
      const names = elements.flatMap(({ attrs }) => attrs.map(({ name }) => name));
      expect(names.filter((name) => name.startsWith('on') || name === 'style')).toEqual([]);
      const urls = elements.flatMap(({ attrs }) =>
        attrs.filter(({ name }) => ['href', 'src', 'action'].includes(name)).map(({ value }) => value),
      );
      expect(urls.filter((url) => !/^(?:\/(?!\/)|#|data:,$)/.test(url))).toEqual([]);
      const policy = response.headers.get('content-security-policy');
      expect(policy).toMatch(/^default-src 'none'; style-src 'self'; script-src 'self';/);
      expect(policy).not.toMatch(/unsafe|\*|https?:/);
      expect(response.headers.get('cache-control')).toBe('no-store');
    }
  });

  it('is not served to other hosts and methods', async () => {
    const world = await startPageWorld();
    expect((await world.get('metrics', '/', { method: 'POST' })).status).toBe(405);
    expect((await world.get('metrics', '/page/default/web', { method: 'DELETE' })).status).toBe(405);
  });
});

describe('the list of Services', () => {
  it('shows Services that are not served first, in words, with the diagnosis', async () => {
    const { texts } = await read(await startPageWorld(), '/');
    const rows = texts('tr').slice(1);
    expect(rows.at(-1)).toMatch(/^default\/web Served .*10\.96\.0\.10 2 of 3 /);
    expect(rows.filter((row) => row.includes('Not served')).length).toBe(rows.length - 1);
  });

  it('shows the rows that contain all search words, and only those of the selected state', async () => {
    const world = await startPageWorld();
    const found = async (query: string): Promise<string[]> =>
      (await read(world, `/?${query}`)).texts('th').filter((text) => text.includes('/'));
    expect(await found('q=WEB')).toEqual(['default/web']);
    expect(await found('q=default+10.96.0.11')).toEqual(['default/empty']);
    expect(await found('q=nothing')).toEqual([]);
    expect(await found('state=served')).toEqual(['default/web']);
    expect(await found('state=not-served')).toEqual(['default/empty', 'default/hostile', 'default/late']);
    expect((await read(world, '/?q=web')).text).toContain('1 of 4 Services');
  });

  it('has pages of 100 rows, and links that keep the search', async () => {
    const world = await startPageWorld(250);
    const { texts, elements, text } = await read(world, '/?q=many&page=2');
    expect(texts('tr')).toHaveLength(101);
    expect(texts('th')).toContain('default/many-00100');
    expect(text).toContain('Page 2 of 3');
    const links = elements.flatMap((element) => attribute(element, 'href') ?? []);
    expect(links).toContain('/?q=many&state=all&page=3#services');
    expect((await read(world, '/?q=many&page=99')).text).toContain('Page 3 of 3');
    expect((await read(world, '/?page=-1')).text).toContain('Page 1 of 3');
  });

  it('shows syncs as a sparkline, repairs and problems newest first', async () => {
    const { elements, texts, text } = await read(await startPageWorld(), '/');
    const bars = elements.filter(({ tagName }) => tagName === 'rect');
    expect(bars.length).toBeGreaterThan(2);
    expect(new Set(bars.map((bar) => attribute(bar, 'class')))).toEqual(new Set(['good', 'warn', 'bad']));
    expect(text).toContain(`The last ${bars.length} syncs: the longest took`);
    const events = texts('li').filter((item) => /Repaired|Not programmed/.test(item));
    expect(events[0]).toMatch(/IPv4 Not programmed service ports: 1 default\/hostile:http/);
    expect(events.at(-1)).toMatch(/IPv4 Repaired objects modified by another process: 1/);
    expect(text).toContain(`chain ${HOSTILE} in ${HOSTILE} was missing`);
  });

  it('explains a packet as a form', async () => {
    const world = await startPageWorld();
    const { text, elements } = await read(world, '/?from=10.244.1.9&to=10.96.0.10:80/tcp');
    expect(text).toMatch(/Forwarded default\/web:http/);
    expect(text).toContain('to 10.244.1.5:8080');
    const fields = elements
      .filter(({ tagName }) => tagName === 'input')
      .map((field) => attribute(field, 'value'));
    expect(fields).toEqual(['', '10.244.1.9', '10.96.0.10:80/tcp']);
    expect((await read(world, '/?from=10.244.1.9&to=nonsense')).text).toMatch(/Error .*nonsense/);
  });
});

describe('the page of a Service', () => {
  it('lists endpoints with use, reason, connections and their share', async () => {
    const { texts } = await read(await startPageWorld(), '/page/default/web');
    const rows = texts('tr').slice(1);
    expect(rows[0]).toMatch(/^10\.244\.1\.5:8080 Cluster.* ready node-a.* 30 75\.0 %$/);
    expect(rows[1]).toMatch(/^10\.244\.1\.6:8080 Cluster.* ready node-b.* 10 25\.0 %$/);
    expect(rows[2]).toMatch(/^10\.244\.1\.7:8080 Not used .*not ready/);
  });

  it('shows endpoints that are skipped, and the limits of connections', async () => {
    const world = await startPageWorld();
    const backend = world.parts.backends.get('IPv4');
    if (backend === undefined) throw new Error('no IPv4 backend');
    const ejected = {
      address: '10.244.1.6',
      port: 8080,
      connections: 1,
      state: 'ejected',
      ejectedSeconds: 30,
    };
    const limits = [
      { name: 'connections', now: 3, limit: 10, refused: 2 },
      { name: 'retries', now: 0, limit: null, refused: 0 },
    ];
    const held = { objects: [], endpoints: [ejected], limits } as KernelService;
    backend.inspect = () =>
      Promise.resolve({ outcome: 'ok', servicePorts: new Map([['default/web:http/TCP', held]]) });
    const { text, texts } = await read(world, '/page/default/web');
    const rows = texts('tr').slice(1);
    expect(rows[0]).toMatch(/^10\.244\.1\.5:8080 Cluster [^ue]/);
    expect(rows[1]).toMatch(/^10\.244\.1\.6:8080 Cluster ejected \(30 s\) /);
    expect(text).toContain('connections: 3 now, limit 10, 2 refused');
    expect(text).toContain('retries: 0 now, no limit, 0 refused');
  });

  it('shows every property and every number that describe shows', async () => {
    const world = await startPageWorld();
    const annotations = {
      'signalbox.dev/external-failover': 'reject',
      'signalbox.dev/load-balancing': 'random',
    };
    const spec = { ...SERVICE.spec, type: 'NodePort', externalTrafficPolicy: 'Local' };
    const ports = [{ name: 'http', port: 80, nodePort: 30_080, protocol: 'TCP' }];
    upsert(world, 'Service', {
      ...SERVICE,
      metadata: { ...SERVICE.metadata, annotations },
      spec: { ...spec, ports, sessionAffinity: 'ClientIP', healthCheckNodePort: 0 },
    });
    const weighted = {
      metadata: {
        namespace: 'default',
        name: 'web-2',
        labels: { 'kubernetes.io/service-name': 'web' },
        annotations: { 'signalbox.dev/weight': '3' },
      },
      addressType: 'IPv4',
      ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
      endpoints: [{ addresses: ['10.244.1.9'], nodeName: 'node-a', conditions: { ready: true } }],
    };
    world.parts.source.handlers.onEvents([{ type: 'upsert', resource: 'EndpointSlice', object: weighted }]);
    await world.settle(1000);
    const held = {
      objects: [],
      endpoints: [{ address: '10.244.1.9', port: 8080, connections: 7, active: 2 }],
    };
    const backend = world.parts.backends.get('IPv4');
    Object.assign(backend ?? {}, {
      inspect: () =>
        Promise.resolve({ outcome: 'ok', servicePorts: new Map([['default/web:http/TCP', held]]) }),
    });
    const answer = (await (
      await world.get('metrics', '/debug/services/default/web')
    ).json()) as ServiceAnswer;
    const described = describeText(answer);
    expect(described).toMatch(/ENDPOINT .* WEIGHT +CONNECTIONS +OPEN/);
    const { texts } = await read(world, '/page/default/web');
    expect(texts('th')).toEqual(expect.arrayContaining(['Weight', 'Connections', 'Open']));
    const names = serviceRows(answer).flatMap(({ name, value }) => (value === '' ? [] : name));
    expect(names).toEqual(
      expect.arrayContaining(['External failover', 'Load balancing', 'Session affinity']),
    );
    expect(names.filter((name) => !described.includes(`${name}: `))).toEqual([]);
    expect(names.filter((name) => !texts('dt').includes(name))).toEqual([]);
  });

  it('shows kernel objects by name, and refused service ports', async () => {
    const world = await startPageWorld();
    const { text } = await read(world, '/page/default/web');
    expect(text).toMatch(/held chain KUBE-SVC-WEB table nat/);
    expect(text).toContain(`altered chain ${HOSTILE}`);
    const hostile = await read(world, '/page/default/hostile');
    expect(hostile.text).toContain(`iptables-restore: ${HOSTILE}`);
    expect(hostile.text).toMatch(/spec\.sessionAffinity/);
  });

  it('an unknown Service, or no name at all, is 404', async () => {
    const world = await startPageWorld();
    const { text } = await read(world, '/page/default/absent', 404);
    expect(text).toContain('No Service default/absent');
    expect((await world.get('metrics', '/page/%ff/x')).status).toBe(404);
    expect((await world.get('metrics', '/page/default')).status).toBe(404);
  });
});

describe('Services of the page', () => {
  /** `described()`: descriptions of Services since the last call. */
  async function counting() {
    const own = recordingComposition();
    let tracked = 0;
    const composition = {
      createModel: (settings: Settings) => {
        const model = own.createModel(settings);
        const track: Model['tracked'] = (key) => {
          tracked += 1;
          return model.tracked(key);
        };
        return { ...model, tracked: track };
      },
    };
    const world = await start([], ['IPv4'], { composition });
    upsert(world, 'Node', NODE);
    upsert(world, 'Service', SERVICE);
    synced(world, 'Service', 'EndpointSlice', 'Node', 'ServiceCIDR');
    await world.settle(1000);
    const described = (): number => {
      const count = tracked;
      tracked = 0;
      return count;
    };
    described();
    return { world, described };
  }

  it('are described once for successive requests, and again after 2 s or a sync', async () => {
    const { world, described } = await counting();
    const path = '/debug/services';
    for (const each of ['/', '/', path]) await world.get('metrics', each);
    expect(described()).toBe(1);
    await world.settle(2000);
    await world.get('metrics', '/');
    expect(described(), 'after 2 s').toBe(1);
    upsert(world, 'Service', { ...SERVICE, metadata: { ...SERVICE.metadata, name: 'other' } });
    await world.settle(500);
    expect((await read(world, '/')).text, 'after a sync').toContain('default/other');
    expect(described()).toBe(2);
  });

  it('are not described without a request for the page', async () => {
    const { world, described } = await counting();
    await world.settle(60_000);
    expect(described()).toBe(0);
  });
});
