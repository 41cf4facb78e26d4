/** `signalbox cluster` with the real client of Kubernetes, against an API server in memory with a port-forward. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '@signalbox/core';
import { createManualClock } from '@signalbox/core/testing';
import { systemClock } from '@signalbox/core/system-clock';
import { createTestCertificates } from '@signalbox/kubernetes/testing';
import { loadAll } from 'js-yaml';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCommandLine } from '../command-line.ts';
import { recordingComposition } from '../testing/composition.ts';
import {
  answering,
  difference,
  endpoint,
  explanation,
  node,
  service,
  status,
  summary,
} from '../testing/debug-answers.ts';
import { createProxyCluster, type ProxyCluster } from '../testing/proxy-cluster.ts';

const state: { cluster: ProxyCluster; folder: string } = { cluster: undefined as never, folder: '' };

const certificates = await createTestCertificates();
afterAll(() => certificates?.remove());

beforeEach(async () => {
  if (certificates === null) throw new Error('openssl is required');
  state.folder = mkdtempSync(join(tmpdir(), 'signalbox-cluster-'));
  state.cluster = await createProxyCluster(certificates, 'secret');
});
afterEach(async () => {
  await state.cluster.close();
  rmSync(state.folder, { recursive: true, force: true });
});

interface Given {
  readonly clock?: Clock;
  readonly progress?: string[];
}

const cluster = (...words: string[]) => clusterWith({}, ...words);

async function clusterWith({ clock = systemClock, progress = [] }: Given, ...words: string[]) {
  const printed: string[] = [];
  const kubeconfig = state.cluster.writeKubeconfig(state.folder);
  const outcome = await runCommandLine(
    ['cluster', ...words, '--kubeconfig', kubeconfig],
    { ...recordingComposition(), clock },
    {
      print: (text) => printed.push(text),
      hint: () => undefined,
      progress: (line) => progress.push(line),
    },
  );
  return { ...outcome, printed: printed.join(''), progress };
}

describe('signalbox cluster status', () => {
  it('lists every node through a port-forward to its pod and ends with 0', async () => {
    await state.cluster.addPod('node-1', node('node-1'));
    await state.cluster.addPod('node-2', node('node-2'));
    const { status, printed, errors } = await cluster('status');
    expect(errors).toEqual([]);
    expect(printed).toMatch(/^NODE +STATE +MODE/m);
    expect(printed).toMatch(/^node-1 +ready +nftables +v0\.1\.0/m);
    expect(printed).toMatch(/^node-2 +ready/m);
    expect(status).toBe(0);
  });

  it('reaches the metrics port of --metrics-bind-address under a Host that the proxy accepts', async () => {
    const hosts: (string | undefined)[] = [];
    const serve = node('node-1');
    await state.cluster.addPod('node-1', (request, response) => {
      hosts.push(request.headers.host);
      serve(request, response);
    });
    await cluster('status', '--metrics-bind-address=127.0.0.1:12345');
    expect(hosts).toEqual(['localhost:12345', 'localhost:12345']);
    const asked = state.cluster.api.requests.all.filter(({ path }) => path.endsWith('/portforward'));
    expect(asked.map(({ query }) => query.get('ports'))).toEqual(['12345', '12345']);
  });

  it('prints Services that differ between nodes before the nodes, and ends with 2', async () => {
    await state.cluster.addPod('node-1', node('node-1'));
    await state.cluster.addPod('node-2', node('node-2'));
    const broken = summary({ served: false, diagnosis: 'No endpoint is ready' });
    await state.cluster.addPod('node-3', node('node-3', [broken]));
    const { status, printed } = await cluster('status');
    expect(printed).toMatch(/^Nodes disagree about 1 Service\nSERVICE +NODES +STATE\n/);
    expect(printed).toMatch(/^shop\/web +node-3 +not served: No endpoint is ready$/m);
    expect(printed).toMatch(/^ +node-1, node-2 +served on 10\.96\.0\.10, endpoints: 2$/m);
    expect(printed.indexOf('NODE ')).toBeGreaterThan(printed.indexOf('node-3'));
    expect(status).toBe(2);
  });

  it('puts degraded nodes first, with their problem', async () => {
    await state.cluster.addPod('node-1', node('node-1'));
    const degraded = status('node-2', { state: 'degraded', problems: ['IPv4: the last sync failed'] });
    const answers = { '/debug/status': degraded, '/debug/services': { services: [summary()] } };
    await state.cluster.addPod('node-2', answering(answers));
    const { status: ended, printed } = await cluster('status');
    expect(printed).toMatch(/\nnode-2 +degraded .*the last sync failed\nnode-1 +ready/);
    expect(ended).toBe(2);
  });

  it('shows the other nodes when one is old, absent, unready, slow or refuses requests', async () => {
    state.cluster.addNode('node-0');
    await state.cluster.addPod('node-1', node('node-1'));
    await state.cluster.addPod('node-2', answering({}));
    await state.cluster.addPod('node-3', 'silent');
    await state.cluster.addPod('node-4', 'refused', { ready: 'False' });
    await state.cluster.addPod('node-5', 'absent');
    await state.cluster.addPod('node-6', 'absent', { phase: 'Pending' });
    await state.cluster.addPod('node-7', (_, response) => void response.end('not JSON'));
    const clock = createManualClock();
    const progress: string[] = [];
    const asked = clusterWith({ clock, progress }, 'status', '--node-timeout=2s');
    await expect.poll(() => progress.at(-1), { timeout: 50_000 }).toMatch(/6 of 7 nodes$/);
    clock.advance(2000);
    const { status, printed } = await asked;
    expect(printed).toMatch(/^node-1 +ready/m);
    const reasons = printed.slice(printed.indexOf('No answer from'));
    expect(reasons).toContain('node-0: no pod with k8s-app=kube-proxy in namespace kube-system on this node');
    expect(reasons).toMatch(/node-2: .* does not serve \/debug\/status: kube-proxy, or an earlier version/);
    expect(reasons).toContain('node-3: pod kube-system/kube-proxy-node-3: no answer within 2 s');
    expect(reasons).toMatch(
      /node-4: .*error forwarding port 10249 to pod .*ECONNREFUSED.*\(the pod is not ready\)/,
    );
    expect(reasons).toContain('node-5: pod kube-system/kube-proxy-node-5: HTTP status 404');
    expect(reasons).toContain('node-6: pod kube-system/kube-proxy-node-6 has phase Pending');
    expect(reasons).toMatch(/node-7: .*HTTP status 200 without state/);
    expect(status).toBe(2);
  });

  it('queries at most 16 nodes at a time, and shows its progress', async () => {
    for (let index = 1; index <= 40; index += 1) {
      await state.cluster.addPod(`node-${index}`, node(`node-${index}`));
    }
    const { progress, printed } = await cluster('status');
    expect(printed.match(/^node-\d+ +ready/gm)).toHaveLength(40);
    expect(state.cluster.forwards.most).toBeLessThanOrEqual(16);
    expect(state.cluster.forwards.most).toBeGreaterThan(1);
    expect(progress[0]).toBe('[..............................] 0 of 40 nodes');
    expect(progress).toContain('[###############...............] 20 of 40 nodes');
    expect(progress.at(-1)).toBe('');
    await expect.poll(() => state.cluster.forwards.open, { timeout: 20_000 }).toBe(0);
  });

  it('-o json has the answer or the error of each node, and the differences between nodes', async () => {
    await state.cluster.addPod('node-1', node('node-1'));
    await state.cluster.addPod('node-2', 'refused');
    const { printed } = await cluster('status', '-o', 'json');
    expect(JSON.parse(printed)).toEqual({
      disagreements: [],
      nodes: [
        {
          node: 'node-1',
          pod: 'kube-system/kube-proxy-node-1',
          answer: { status: status('node-1'), services: [summary()] },
        },
        {
          node: 'node-2',
          pod: 'kube-system/kube-proxy-node-2',
          error: expect.stringContaining('ECONNREFUSED'),
        },
      ],
    });
  });

  it('--selector and --namespace choose the pods', async () => {
    await state.cluster.addPod('node-1', node('node-1'), { labels: { app: 'signalbox' } });
    expect((await cluster('status', '-l', 'app=signalbox')).printed).toMatch(/^node-1 +ready/m);
    const other = await cluster('status', '-l', 'app=signalbox', '-n', 'default');
    expect(other).toMatchObject({ status: 1, errors: ['no node answered'] });
    expect(other.printed).toContain('no pod with app=signalbox in namespace default on this node');
  });
});

describe('signalbox cluster describe', () => {
  const path = '/debug/services/shop/web';

  it('prints nodes that differ from the others first, and in what', async () => {
    const usual = [endpoint('10.244.1.5'), endpoint('10.244.2.5')];
    for (const name of ['node-1', 'node-2']) {
      await state.cluster.addPod(name, answering({ [path]: service(name, usual) }));
    }
    const stale = service('node-3', [endpoint('10.244.9.9', { use: 'none', reason: 'not ready' })], {
      served: false,
      diagnosis: 'No endpoint is ready',
    });
    await state.cluster.addPod('node-3', answering({ [path]: stale }));
    const { status, printed } = await cluster('describe', 'shop/web');
    expect(printed).toMatch(
      /^Node node-3 \(differs from node-1, node-2 in: endpoints\)\nNot served: No endpoint is ready\nPORT/,
    );
    expect(printed).toMatch(/shop\/web:http +IPv4 +10\.244\.9\.9:8080 +none +not ready \(S6\)/);
    expect(printed).toContain('2 nodes: node-1, node-2\nServed: Served by 2 endpoints\n');
    expect(status).toBe(2);
  });

  it('prints another table, but no difference, where nodes use other endpoints', async () => {
    const here = service('node-1', [endpoint('10.244.1.5', { use: 'both' })]);
    const there = service('node-2', [endpoint('10.244.1.5', { use: 'none' })]);
    await state.cluster.addPod('node-1', answering({ [path]: here }));
    await state.cluster.addPod('node-2', answering({ [path]: there }));
    const { status, printed } = await cluster('describe', 'shop/web');
    expect(printed).not.toContain('differs');
    expect(printed.match(/^Node /gm)).toHaveLength(2);
    expect(status).toBe(0);
  });

  it('ends with 1 where a node does not answer, since the Service may not be served there', async () => {
    await state.cluster.addPod('node-1', answering({ [path]: service('node-1', [endpoint('10.244.1.5')]) }));
    state.cluster.addNode('node-2');
    expect(await cluster('describe', 'shop/web')).toMatchObject({ status: 1, errors: [] });
  });
});

describe('signalbox cluster explain and diff', () => {
  it('explain sends the packet to each node, and ends with 2 if a node drops it', async () => {
    const asked: (string | undefined)[] = [];
    const serve = answering({ '/debug/explain': explanation('forward') });
    await state.cluster.addPod('node-1', (request, response) => {
      asked.push(request.url);
      serve(request, response);
    });
    await state.cluster.addPod('node-2', answering({ '/debug/explain': explanation('drop') }));
    const { status, printed } = await cluster('explain', '10.244.1.9%eth0', '[fd00::1]:80/tcp');
    const [url = ''] = asked;
    expect(Object.fromEntries(new URL(url ?? '', 'http://x').searchParams)).toEqual({
      from: '10.244.1.9%eth0',
      to: '[fd00::1]:80/tcp',
    });
    expect(printed).toMatch(/^node-2 +nftables +drop +shop\/web:http +no endpoint on this node \(S21\)$/m);
    expect(printed).toMatch(/^node-1 +nftables +forward .*10\.244\.1\.5:8080$/m);
    expect(status).toBe(2);
  });

  it('diff prints the lines of each node that differs, and ends as diff(1): 0 without differences, 1 with some, 2 after an error', async () => {
    await state.cluster.addPod('node-1', answering({ '/debug/diff': difference([]) }));
    expect(await cluster('diff')).toMatchObject({ status: 0, printed: 'No difference on node-1\n' });
    const lines = ['table ip kube-proxy chain services', '- drop'];
    await state.cluster.addPod('node-2', answering({ '/debug/diff': difference(lines) }));
    const different = await cluster('diff');
    expect(different.printed).toBe(
      'Node node-2\n  IPv4 (nftables)\n    table ip kube-proxy chain services\n    - drop\n\nNo difference on node-1\n',
    );
    expect(different.status).toBe(1);
    await state.cluster.addPod('node-3', 'refused');
    expect((await cluster('diff')).status).toBe(2);
  });
});

interface Rule {
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

describe('the rights of deploy/operators', () => {
  it('are those that the command uses', async () => {
    await state.cluster.addPod('node-1', node('node-1'));
    await cluster('status');
    const file = new URL('../../../../deploy/operators/cluster-role.yaml', import.meta.url);
    const documents = loadAll(readFileSync(file, 'utf8')) as { rules?: readonly Rule[] }[];
    const granted = documents.flatMap(({ rules = [] }) =>
      rules.flatMap(({ resources, verbs }) =>
        resources.flatMap((resource) => verbs.map((verb) => [verb, resource])),
      ),
    );
    const asked = state.cluster.api.requests.all.map(({ method, path }) => {
      const [, resource = '', sub = ''] =
        /^\/api\/v1\/(?:namespaces\/kube-system\/)?(\w+)(?:\/[\w-]+(\/\w+))?$/.exec(path) ?? [];
      return [method === 'GET' && sub !== '' ? 'get' : 'list', `${resource}${sub}`];
    });
    const used = new Set(asked.map((each) => each.join(' ')));
    expect(used).toEqual(new Set(['list nodes', 'list pods', 'get pods/portforward']));
    // Required besides `get` by API servers since Kubernetes 1.35.
    const expected = [...used, 'create pods/portforward'];
    expect(new Set(granted.map((each) => each.join(' ')))).toEqual(new Set(expected));
  });
});

describe('an error ends the command with one line', () => {
  it.each([
    [['describe'], 'SERVICE: required'],
    [['describe', 'web'], 'SERVICE: "web" is not NAMESPACE/NAME'],
    [['describe', '../..'], 'SERVICE: "../.." is not NAMESPACE/NAME'],
    [['explain', '10.0.0.1'], 'TO: required'],
    [
      ['explain', '10.0.0', '10.96.0.10:80'],
      'FROM: "10.0.0" is not address[%interface] or pod/NAMESPACE/NAME',
    ],
    [
      ['explain', '10.0.0.1', '10.96.0.10'],
      'TO: "10.96.0.10" is not address:port, NAMESPACE/SERVICE:port or SERVICE.NAMESPACE.svc:port, each with [/tcp|udp|sctp]',
    ],
    [
      ['explain', 'pod/shop/web-1', 'shop/web:80'],
      'FROM: pod/shop/web-1: the running proxy does not keep the names of pods; use the address of the pod, or signalbox explain with --kubeconfig',
    ],
    [['status', 'shop/web'], 'status does not take any arguments, got "shop/web"'],
    [['status', '--node-timeout=soon'], '--node-timeout: soon is not a duration such as 10s'],
    [['status', '--context=other'], '--context: other is not one of memory'],
  ])('%j', async (words, expected) => {
    expect(await cluster(...words)).toMatchObject({ status: 1, errors: [expected] });
  });

  it('an API server that refuses the credentials, or the list of pods', async () => {
    state.cluster.api.setTokens(['another']);
    const { status, errors } = await cluster('status');
    expect([status, errors]).toEqual([
      1,
      [`API server ${state.cluster.api.url}: HTTP status 401: Unauthorized`],
    ]);
  });

  it('an API server that does not allow port-forward', async () => {
    await state.cluster.addPod('node-1', node('node-1'));
    const when = ({ path }: { path: string }) => path.endsWith('/portforward');
    state.cluster.api.fault({
      action: { do: 'answer', status: 403, message: 'pods "x" is forbidden' },
      when,
    });
    const { status, printed, errors } = await cluster('status');
    expect(printed).toContain(
      'node-1: pod kube-system/kube-proxy-node-1: HTTP status 403: pods "x" is forbidden (docs/cluster.md lists the rights that are required)',
    );
    expect([status, errors]).toEqual([1, ['no node answered']]);
  });

  it('an API server that is silent, or gone, and a kubeconfig that is not there', async () => {
    state.cluster.api.stall();
    expect((await cluster('diff', '--node-timeout=1s')).errors).toEqual([
      `API server ${state.cluster.api.url}: no answer within 1 s`,
    ]);
    await state.cluster.api.stop();
    const gone = await cluster('diff');
    expect([gone.status, gone.errors.join('')]).toEqual([2, expect.stringContaining('ECONNREFUSED')]);
    const file = join(state.folder, 'broken');
    writeFileSync(file, '{');
    const broken = await runCommandLine(
      ['cluster', 'status', '--kubeconfig', file],
      { ...recordingComposition(), clock: systemClock },
      { print: () => undefined, hint: () => undefined },
    );
    expect([broken.status, broken.errors.join('')]).toEqual([1, expect.stringContaining(`${file}: `)]);
  });
});
