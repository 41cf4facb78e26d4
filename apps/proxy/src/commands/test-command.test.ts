import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@signalbox/core/system-clock';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommandLine } from '../command-line.ts';
import { createSource } from '../compose/sources.ts';
import { recordingComposition } from '../testing/composition.ts';

const folder = { path: '' };
beforeAll(() => {
  folder.path = mkdtempSync(join(tmpdir(), 'proxy-test-'));
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'shop' },
    spec: { clusterIP: '10.96.0.10', clusterIPs: ['10.96.0.10'], ports: [{ port: 80, protocol: 'TCP' }] },
  };
  writeFileSync(join(folder.path, 'web.json'), JSON.stringify(service));
});
afterAll(() => rmSync(folder.path, { recursive: true, force: true }));

async function test(...words: string[]) {
  const printed: string[] = [];
  const parts = { ...recordingComposition(), clock: systemClock, createSource };
  const terminal = { print: (text: string) => void printed.push(text), hint: () => undefined };
  const flags = [`--manifests=${folder.path}`, '--hostname-override=node-a', '--cluster-cidr=10.244.0.0/16'];
  const outcome = await runCommandLine(['test', ...words, ...flags], parts, terminal);
  return { ...outcome, printed: printed.join('') };
}

describe('signalbox test', () => {
  it.each([
    [['--connections=0'], '--connections: 0 is not within the range [1, 100]'],
    [['--timeout=0s'], '--timeout: must be greater than 0s'],
    [['--pod-address=10.244.1.300'], '--pod-address: 10.244.1.300 is not an IP address'],
    [['shop/wbe'], 'SERVICE: shop/wbe is not served on this node (did you mean shop/web?)'],
    [['--from=pdo'], '--from: pdo is not both, node, or pod (did you mean pod?)'],
    [['--from=pod'], 'temporary pod: no address for it: the Node has no pod CIDR'],
  ])('%j is one error', async (words, expected) => {
    const { status, errors } = await test(...words);
    expect([status, errors]).toEqual([1, [expect.stringContaining(expected)]]);
  });
});
