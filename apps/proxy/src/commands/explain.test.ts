import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommandLine } from '../command-line.ts';
import { createSource } from '../compose/sources.ts';
import { systemClock } from '@signalbox/kubernetes';
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
  const outcome = await runCommandLine(['explain', ...words, ...flags], parts, terminal);
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

  it('a packet that no Service knows passes', async () => {
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
    [['nobody', '10.96.0.10:80'], 'FROM: "nobody" is not address[%interface]'],
    [['10.244.1.9', '10.96.0.10'], 'TO: "10.96.0.10" is not address:port'],
    [['10.244.1.9', '10.96.0.10:80/icmp'], 'TO: "10.96.0.10:80/icmp" is not address:port'],
    [['10.244.1.9', '[fd00::1]:80'], 'different IP families'],
  ])('%j is refused', async (words, expected) => {
    const { status, errors } = await explain(...words);
    expect([status, errors]).toEqual([1, [expect.stringContaining(expected)]]);
  });
});
