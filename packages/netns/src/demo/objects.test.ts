import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WEB_BEFORE, writeAll } from './manifests.ts';
import { readObjects, type DemoObjects } from './objects.ts';

const held = { folder: '' };
beforeEach(() => {
  held.folder = mkdtempSync(path.join(tmpdir(), 'signalbox-manifests-'));
  writeAll(held.folder);
});
afterEach(() => rmSync(held.folder, { recursive: true, force: true }));

const write = (name: string, text: string): void => writeFileSync(path.join(held.folder, name), text);
const webPods = ({ endpoints }: DemoObjects): readonly string[] => [
  ...new Set(endpoints.filter(({ service }) => service === 'shop/web').map(({ pod }) => pod)),
];

const other = (name: string, spec: string): string =>
  `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}, namespace: shop}\nspec: ${spec}\n`;
const slice = (name: string, endpoints: string): string =>
  `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: ${name}-1, namespace: shop, labels: {kubernetes.io/service-name: ${name}}}
addressType: IPv4
ports: [{port: 80}]
endpoints: ${endpoints}
`;

describe('manifests that a user edits', () => {
  it('leaves out an invalid node port, with file and value, and keeps the rest', () => {
    const before = readObjects(held.folder);
    expect(before.problems).toEqual([]);
    write(
      'x.yaml',
      other('x', '{type: NodePort, clusterIP: 10.96.0.7, ports: [{port: 80, nodePort: 99999}]}'),
    );
    const after = readObjects(held.folder);
    expect(after.frontends).toEqual(before.frontends);
    expect(after.problems).toEqual([
      'x.yaml: document 1 (line 1): Service shop/x.spec.ports[0].nodePort: invalid value 99999: must be 1-65535',
    ]);
  });

  it('names the file and the line of what is not YAML, and shows the other files', () => {
    write('x.yaml', 'kind: Service\nspec: [\n');
    const { problems, frontends } = readObjects(held.folder);
    expect(problems).toEqual([expect.stringMatching(/^x\.yaml: line \d+, column \d+: not YAML: /)]);
    expect(frontends).not.toEqual([]);
    expect(webPods(readObjects(held.folder))).toEqual(WEB_BEFORE.map(({ name }) => name));
  });

  it('counts an address that is listed twice once', () => {
    const endpoint = (pod: string): string => `{addresses: [10.244.1.40], targetRef: {name: ${pod}}}`;
    const both = `[${endpoint('one')}, ${endpoint('two')}]`;
    write(
      'x.yaml',
      [other('x', '{clusterIP: 10.96.0.7, ports: [{port: 80}]}'), slice('x', both)].join('---\n'),
    );
    const { endpoints } = readObjects(held.folder);
    expect(endpoints.filter(({ service }) => service === 'shop/x')).toEqual([
      { service: 'shop/x', pod: 'one', node: '', protocol: 'TCP', at: { address: '10.244.1.40', port: 80 } },
    ]);
  });

  it.each([
    '[null]',
    '[{}]',
    '[{addresses: {}}]',
    '{}',
    '[7]',
    '[{addresses: [10.244.1.40], targetRef: {name: a/b}}]',
  ])('is no error of the demo: endpoints %s', (endpoints) => {
    write(
      'x.yaml',
      [other('x', '{clusterIP: 10.96.0.7, ports: [{port: 80}]}'), slice('x', endpoints)].join('---\n'),
    );
    const found = readObjects(held.folder).endpoints.filter(({ service }) => service === 'shop/x');
    expect(found.map(({ pod }) => pod)).toEqual(endpoints.includes('a/b') ? ['10.244.1.40'] : []);
  });

  it('ignores everything that is not a regular file', () => {
    execFileSync('mkfifo', [path.join(held.folder, 'x.yaml')]);
    expect(webPods(readObjects(held.folder))).toEqual(WEB_BEFORE.map(({ name }) => name));
  });
});
