import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommandLine } from '../command-line.ts';
import { createSource } from '../compose/sources.ts';
import { systemClock } from '@signalbox/core/system-clock';
import { recordingComposition } from '../testing/composition.ts';

const OBJECTS = `apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec:
  type: ClusterIP
  clusterIP: 10.96.0.10
  clusterIPs: [10.96.0.10]
  ipFamilies: [IPv4]
  ports: [{name: http, port: 80, protocol: TCP}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, namespace: default, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: 8080, protocol: TCP}]
endpoints:
  - {addresses: [10.244.1.5], conditions: {ready: true}, nodeName: node-a}
  - {addresses: [10.244.2.7], conditions: {ready: true}, nodeName: node-b}
---
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec:
  clusterIP: 10.96.0.20
  clusterIPs: [10.96.0.20]
  sessionAffinity: ClientIP
  sessionAffinityConfig: {clientIP: {timeoutSeconds: 600}}
  ports: [{name: http, port: 80, protocol: TCP}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: cart-1, namespace: shop, labels: {kubernetes.io/service-name: cart}}
addressType: IPv4
ports: [{name: http, port: 8080, protocol: TCP}]
endpoints:
  - addresses: [10.244.1.8]
    conditions: {ready: true}
    nodeName: node-a
    targetRef: {kind: Pod, namespace: shop, name: cart-1}
  - addresses: [10.244.2.9]
    conditions: {ready: false, serving: false}
    nodeName: node-b
    targetRef: {kind: Pod, namespace: shop, name: cart-2}
---
apiVersion: v1
kind: Service
metadata: {name: near, namespace: shop}
spec:
  clusterIP: 10.96.0.30
  clusterIPs: [10.96.0.30]
  internalTrafficPolicy: Local
  ports: [{name: http, port: 80, protocol: TCP}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: near-1, namespace: shop, labels: {kubernetes.io/service-name: near}}
addressType: IPv4
ports: [{name: http, port: 8080, protocol: TCP}]
endpoints: [{addresses: [10.244.2.10], conditions: {ready: true}, nodeName: node-b}]
`;

const folder = { path: '' };
beforeAll(() => {
  folder.path = mkdtempSync(join(tmpdir(), 'proxy-explain-'));
  writeFileSync(join(folder.path, 'web.yaml'), OBJECTS);
});
afterAll(() => rmSync(folder.path, { recursive: true, force: true }));

async function explain(...words: string[]) {
  const printed: string[] = [];
  const hints: string[] = [];
  const parts = { ...recordingComposition(), clock: systemClock, createSource };
  const flags = [`--manifests=${folder.path}`, '--hostname-override=node-a', '--cluster-cidr=10.244.0.0/16'];
  const terminal = {
    print: (text: string) => void printed.push(text),
    hint: (text: string) => void hints.push(text),
  };
  const outcome = await runCommandLine(['explain', ...flags, ...words], parts, terminal);
  return { ...outcome, printed: printed.join(''), hinted: hints.join('') };
}

describe('signalbox explain', () => {
  it('S35: prints where a packet goes, and why', async () => {
    const { status, printed } = await explain('10.244.1.9', '10.96.0.10:80/tcp');
    expect(status).toBe(0);
    expect(printed).toContain('packet   10.244.1.9 -> 10.96.0.10:80/TCP\n');
    expect(printed).toContain('service  default/web:http/TCP (cluster-ip)\n');
    expect(printed).toMatch(/because {2}.*\(S\d+\)\n/);
    expect(printed).toContain('to       10.244.1.5:8080\nto       10.244.2.7:8080\n');
    const outside = await explain('198.51.100.7', '10.96.0.10:80');
    expect(outside.printed).toContain('to       10.244.1.5:8080, masqueraded\n');
  });

  it('S30: prints session affinity, and endpoints that are not used with the reason', async () => {
    const { printed } = await explain('10.244.1.9', 'shop/cart:http');
    expect(printed).toContain('packet   10.244.1.9 -> 10.96.0.20:80/TCP\n');
    expect(printed).toContain('affinity all connections of a client go to one endpoint for 600 s (S30)\n');
    expect(printed).toMatch(/^unused {3}10\.244\.2\.9:8080 on node-b: .*not ready.* \(S12\)$/m);
    expect(printed).toMatch(/^see {6}docs\/service-semantics\.md#s\d+$/m);
  });

  it.each([
    ['10.244.1.9', 'shop/cart:80'],
    ['10.244.1.9', 'shop/cart:http/tcp'],
    ['10.244.1.9', 'cart.shop.svc:80'],
    ['10.244.1.9', 'cart.shop.svc.cluster.local:http'],
    ['pod/shop/cart-1', '10.96.0.20:80'],
    ['pod/shop/cart-1', 'shop/cart:http'],
  ])('%s to %s names pods and Services', async (from, to) => {
    const { status, printed } = await explain(from, to);
    const source = from.startsWith('pod') ? '10.244.1.8' : from;
    expect([status, printed.split('\n')[0]]).toEqual([0, `packet   ${source} -> 10.96.0.20:80/TCP`]);
  });

  it.each([
    ['pod/shop/crat-1', 'shop/cart:80', 'FROM: pod/shop/crat-1 is in no EndpointSlice', 'pod/shop/cart-1'],
    ['10.244.1.9', 'shop/crat:80', 'TO: shop/crat: Service shop/crat is not known', 'shop/cart'],
    ['10.244.1.9', 'shop/cart:htpt', 'TO: Service shop/cart has no port htpt', 'http'],
    ['10.244.1.9', 'shop/cart:80/udp', 'TO: Service shop/cart has no port 80/UDP', null],
    ['fd00::1', 'shop/cart:80', 'different IP families', null],
  ])('%s to %s is an error, with the nearest name', async (from, to, expected, near) => {
    const { status, errors } = await explain(from, to);
    expect([status, errors]).toEqual([1, [expect.stringContaining(expected)]]);
    if (near !== null) expect(errors[0]).toContain(`did you mean ${near}?`);
  });

  it('ends with 2 if the packet is rejected or dropped', async () => {
    const rejected = await explain('10.244.1.9', '10.96.0.10:81', '--proxy-mode=ipvs');
    expect([rejected.status, rejected.errors]).toEqual([2, []]);
    const dropped = await explain('10.244.1.9', '10.96.0.30:80');
    expect([dropped.status, dropped.printed]).toEqual([2, expect.stringContaining('outcome  drop\n')]);
  });

  it('-o json prints the packet, the decision and the link', async () => {
    const { status, printed } = await explain('10.244.1.9', 'shop/cart:80', '-o', 'json');
    expect(status).toBe(0);
    expect(JSON.parse(printed)).toMatchObject({
      family: 'IPv4',
      mode: 'iptables',
      packet: { source: '10.244.1.9', destination: '10.96.0.20', destinationPort: 80, protocol: 'TCP' },
      explanation: {
        servicePort: 'shop/cart:http/TCP',
        outcome: { kind: 'forward', destinations: [{ address: '10.244.1.8', port: 8080 }] },
      },
      affinity: { timeoutSeconds: 600 },
      unusedEndpoints: [{ address: '10.244.2.9', use: 'none', rule: 'S12' }],
    });
  });

  it('warns if the Node is unknown, no local detector is set, or the pod runs on another node', async () => {
    const { hinted } = await explain('pod/shop/cart-2', 'shop/cart:80', '--detect-local-mode=NodeCIDR');
    expect(hinted).toContain('Warning: Node node-a not found');
    expect(hinted).toContain('Warning: No local detector for IPv4');
    expect(hinted).toContain('Warning: pod/shop/cart-2 runs on Node node-b');
  });

  it('warns if the address of the Service is already used by an older one', async () => {
    const path = join(folder.path, 'late.yaml');
    const [service = ''] = OBJECTS.split('---');
    const late = service.replace('namespace: default', 'namespace: late');
    writeFileSync(path, late);
    const { hinted } = await explain('10.244.1.9', 'late/web:80');
    rmSync(path);
    expect(hinted).toContain('Warning: 10.96.0.10:80/TCP is already used by Service default/web:http\n');
  });

  it('reads the objects of --kubeconfig if --config names another kubeconfig', async () => {
    const config = join(folder.path, 'config.conf');
    const body = 'apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n';
    writeFileSync(config, `${body}clientConnection: {kubeconfig: /no/such/in-file}\n`);
    const both = ['--config', config, '--kubeconfig=/no/such/flag', '--manifests='];
    const { errors } = await explain('10.244.1.9', '10.96.0.10:80', ...both);
    rmSync(config);
    expect(errors).toEqual([expect.stringContaining('/no/such/flag')]);
  });

  it('a packet to no address of a Service passes', async () => {
    expect((await explain('10.244.1.9', '10.96.0.11:80')).printed).toContain('outcome  pass');
  });

  it.each([
    ['iptables', '10.96.0.10:81', 'pass'],
    ['ipvs', '10.96.0.10:81', 'reject'],
    ['nftables', '10.96.0.10:81', 'reject'],
    ['nftables', '10.96.0.11:80', 'pass'],
  ])('S43: in mode %s a packet to %s, which no Service uses: %s', async (mode, to, outcome) => {
    const { printed } = await explain('10.244.1.9', to, `--proxy-mode=${mode}`);
    expect(printed).toContain(`outcome  ${outcome}\n`);
  });

  it('reports what cannot be used of an object', async () => {
    const path = join(folder.path, 'odd.yaml');
    const odd = OBJECTS.split('---')[0]?.replace('name: web', 'name: odd').replace('TCP', 'XXX') ?? '';
    writeFileSync(path, odd.replaceAll('10.96.0.10', '10.96.0.12'));
    const { printed, hinted } = await explain('10.244.1.9', '10.96.0.12:80');
    rmSync(path);
    expect(printed).toContain('outcome  pass');
    expect(hinted).toMatch(/default\/odd.*protocol.*XXX/);
  });

  it.each([
    [['10.244.1.9'], 'Usage: signalbox explain FROM TO'],
    [['anyone', '10.96.0.10:80'], 'FROM: "anyone" is not address[%interface]'],
    [['10.244.1.9', '10.96.0.10'], 'TO: "10.96.0.10" is not address:port'],
    [['10.244.1.9', '10.96.0.10:80/icmp'], 'TO: "10.96.0.10:80/icmp" is not address:port'],
    [['10.244.1.9', '[fd00::1]:80'], 'different IP families'],
  ])('%j is refused', async (words, expected) => {
    const { status, errors } = await explain(...words);
    expect([status, errors]).toEqual([1, [expect.stringContaining(expected)]]);
  });
});
