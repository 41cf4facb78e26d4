import { describe, expect, it } from 'vitest';

import { parseManifest, type ParsedManifest } from './parse-manifest.ts';

const SPEC = 'spec: {clusterIP: 10.96.0.10, ports: [{port: 80}]}';
const SERVED = { clusterIP: '10.96.0.10', ports: [{ port: 80 }] };
const service = (name: string, more = '', spec = SPEC): string =>
  `apiVersion: v1\nkind: Service\nmetadata:\n  name: ${name}\n${more}${spec}`;
const LABELS = 'labels: {kubernetes.io/service-name: web}';

const parsed = (text: string): ParsedManifest => parseManifest('a.yaml', text);

const slice = (labels: string, more: string): string =>
  `apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: web-1, ${labels}}\naddressType: IPv4\n${more}`;

const names = (text: string): string[] =>
  parsed(text).objects.map((o) => `${o.resource} ${o.namespace}/${o.name}`);
const messages = (text: string): string[] => parsed(text).problems.map((p) => `${p.code} ${p.message}`);

describe('parseManifest', () => {
  it('reads every document, and the namespace that is left out is default', () => {
    const text = [
      '# a comment first',
      service('web'),
      '# nothing but a comment',
      service('db', '  namespace: data\n'),
      'apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: web-1, ' + LABELS + '}',
      'apiVersion: v1\nkind: Node\nmetadata: {name: node-a, namespace: ignored}',
      'apiVersion: networking.k8s.io/v1\nkind: ServiceCIDR\nmetadata: {name: kubernetes}',
    ].join('\n---\n');
    expect(names(text)).toEqual([
      'Service default/web',
      'Service data/db',
      'EndpointSlice default/web-1',
      'Node /node-a',
      'ServiceCIDR /kubernetes',
    ]);
    expect(messages(text)).toEqual([]);
    expect(parsed(text).objects[0]?.object).toEqual({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', namespace: 'default' },
      spec: SERVED,
    });
  });

  it('reads lists, also lists in lists, and typed lists whose items name no kind', () => {
    const list = (items: unknown[]): unknown => ({ apiVersion: 'v1', kind: 'List', items });
    const item = (name: string): unknown => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name },
      spec: SERVED,
    });
    expect(names(JSON.stringify(list([item('a'), list([item('b')])])))).toEqual([
      'Service default/a',
      'Service default/b',
    ]);
    const typed = { apiVersion: 'v1', kind: 'ServiceList', items: [{ metadata: { name: 'c' } }] };
    expect(names(JSON.stringify(typed))).toEqual(['Service default/c']);
  });

  it('skips only the invalid document and reports its position and the invalid field', () => {
    const text = [
      service('good'),
      'kind: Service\nmetadata: {name: x}',
      'apiVersion: v1\nmetadata: {name: x}',
      'apiVersion: v1\nkind: Service',
      'apiVersion: v1\nkind: Service\nmetadata: {namespace: x}',
      'apiVersion: v1\nkind: Service\nmetadata: {name: 12}',
      'apiVersion: v1\nkind: Service\nmetadata: {name: x, namespace: [1]}',
      'just words',
      'apiVersion: discovery.k8s.io/v1beta1\nkind: EndpointSlice\nmetadata: {name: x}',
      'apiVersion: v1\nkind: List\nitems: [{}, 3]',
      service('also-good'),
    ].join('\n---\n');
    expect(names(text)).toEqual(['Service default/good', 'Service default/also-good']);
    expect(messages(text)).toEqual([
      'bad-document a.yaml: document 2 (line 7): apiVersion: required; document ignored',
      'bad-document a.yaml: document 3 (line 10): kind: required; document ignored',
      'bad-document a.yaml: document 4 (line 13): metadata: required; document ignored',
      'bad-document a.yaml: document 5 (line 18): metadata.name: required; document ignored',
      'bad-document a.yaml: document 6 (line 22): metadata.name: must be a string, not 12; document ignored',
      'bad-document a.yaml: document 7 (line 26): metadata.namespace: must be a string, not a list; document ignored',
      'bad-document a.yaml: document 8 (line 28): document: must be a mapping, not "just words"; document ignored',
      'bad-document a.yaml: document 9 (line 30): apiVersion: must be discovery.k8s.io/v1, not "discovery.k8s.io/v1beta1"; document ignored',
      'bad-document a.yaml: document 10 (line 36), items[0]: kind: required; document ignored',
      'bad-document a.yaml: document 10 (line 36), items[1]: document: must be a mapping, not 3; document ignored',
    ]);
  });

  it('names kinds that it does not use, such as a Knative Service, and reads the other documents', () => {
    const text = [
      'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}',
      'apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: x}',
      service('web'),
    ].join('\n---\n');
    expect(names(text)).toEqual(['Service default/web']);
    expect(parsed(text).problems.map((p) => p.code)).toEqual(['ignored-kind', 'ignored-kind']);
  });

  it('leaves out what the label selectors of a proxy leave out', () => {
    const text = [
      service('other', '  labels: {service.kubernetes.io/service-proxy-name: cilium}\n'),
      'apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  name: h\n  labels: {service.kubernetes.io/headless: ""}',
      service('web', '  labels: {app: web}\n'),
    ].join('\n---\n');
    const served = parsed(text).objects.filter((object) => object.served);
    expect(served.map((object) => object.name)).toEqual(['web']);
    expect(messages(text)).toEqual([]);
  });

  it.each([
    ['a: [1\n', 'line 2, column 1'],
    ['a: 1\nb:\n\t- c\n', 'line 3, column 1'],
    ['x: 1\n---\na: 1\na: 2\n', 'line 4, column 1'],
  ])('reports a document that is not YAML, with its place: %j', (text, place) => {
    const result = parseManifest('a.yaml', text);
    expect(result.complete, 'the text was accepted').toBe(false);
    const [problem] = result.problems;
    expect(problem?.code).toBe('bad-yaml');
    expect(problem?.message).toContain(`a.yaml: ${place}: not YAML: `);
  });

  it('reads the other documents of a file, and numbers and lines stay those of the file', () => {
    const text = [
      '%YAML 1.2\n---\n# first',
      service('a'),
      'a: [1\nb: 2',
      'kind: |\n  ---\n  not a marker',
      'x: 1\nx: 2',
      service('b', '', 'spec: {clusterIp: 10.96.0.11, clusterIP: 10.96.0.10, ports: [{port: 80}]}'),
    ].join('\n---\n');
    const line = (what: string): number => text.slice(0, text.indexOf(what)).split('\n').length;
    const { complete, objects } = parsed(text);
    expect(complete).toBe(false);
    expect(objects.map(({ name, where }) => [name, where])).toEqual([
      ['a', `a.yaml: document 2 (line ${line('apiVersion')})`],
      ['b', `a.yaml: document 6 (line ${line('  name: b') - 3})`],
    ]);
    expect(messages(text).map((message) => message.replace(/: not YAML: .*/, ': not YAML'))).toEqual([
      `bad-yaml a.yaml: line ${line('b: 2')}, column 1: not YAML`,
      `bad-yaml a.yaml: line ${line('x: 2')}, column 1: not YAML`,
      `bad-document a.yaml: document 4 (line ${line('kind: |')}): apiVersion: required; document ignored`,
      `unknown-field a.yaml: document 6 (line ${line('spec: {clusterIp')}): Service default/b: spec.clusterIp: unknown field; did you mean clusterIP?`,
    ]);
  });

  it('names the line of each field, also in lists and in JSON', () => {
    const text = JSON.stringify(
      {
        apiVersion: 'v1',
        kind: 'ServiceList',
        items: [
          { metadata: { name: 'a' }, spec: { clusterIP: '10.96.0.1', ports: [{ port: 80, nodeport: 1 }] } },
          { metadata: { name: 7 } },
        ],
      },
      null,
      1,
    );
    const at = (what: string): number => text.slice(0, text.indexOf(what)).split('\n').length;
    expect(messages(text)).toEqual([
      `unknown-field a.yaml: document 1 (line ${at('"nodeport"')}), items[0]: Service default/a: spec.ports[0].nodeport: unknown field; did you mean nodePort?`,
      `bad-document a.yaml: document 1 (line ${at('"name": 7')}), items[1]: metadata.name: must be a string, not 7; document ignored`,
    ]);
  });

  it.each([
    [service('x', '', 'spec: {clusterIP: 10.96.0.1}'), 'no-effect', 'spec.ports: required: '],
    [service('x', '', 'spec: {clusterIP: 10.96.0.1, ports: []}'), 'no-effect', 'spec.ports: required: '],
    [service('x', '', 'spec: {ports: [{port: 80}]}'), 'no-effect', 'spec.clusterIP: required: '],
    [
      service('x', '', 'spec: {clusterIP: 10.96.0.1, ports: {port: 80}}'),
      'bad-field',
      'spec.ports: must be a list, not a mapping',
    ],
    [slice('', 'endpoints: []'), 'no-effect', 'metadata.labels: kubernetes.io/service-name required: '],
    [slice(LABELS, 'endpoints: {}'), 'bad-field', 'endpoints: must be a list, not a mapping'],
    [slice(LABELS, 'endpoint: []'), 'unknown-field', 'endpoint: unknown field'],
    [
      slice(LABELS, 'endpoints: [{address: [10.0.0.1]}]'),
      'unknown-field',
      'endpoints[0].address: unknown field',
    ],
    [
      'apiVersion: v1\nkind: Node\nmetadata: {name: n}\nspec: {podCidr: 10.0.0.0/8}',
      'unknown-field',
      'spec.podCidr: unknown field; did you mean podCIDR?',
    ],
  ])('warns of what has no effect: %j', (text, code, expected) => {
    expect(parsed(text).objects).toHaveLength(1);
    expect(messages(text)).toEqual([expect.stringMatching(new RegExp(`^${code} a\\.yaml: document 1 `))]);
    expect(messages(text)[0]).toContain(`: ${expected}`);
  });

  it.each([
    ['an ExternalName Service', service('x', '', 'spec: {type: ExternalName, externalName: example.org}')],
    ['a headless Service', service('x', '', 'spec: {clusterIP: None}')],
    ['a headless Service by list', service('x', '', 'spec: {clusterIPs: [None]}')],
    ['labels and annotations of any name', service('x', '  labels: {a: b}\n  annotations: {c: d}\n')],
    [
      'status fields of a Node',
      'apiVersion: v1\nkind: Node\nmetadata: {name: n}\nstatus: {capacity: {}, addresses: []}',
    ],
  ])('accepts %s', (_, text) => {
    expect(messages(text)).toEqual([]);
  });

  it('survives aliases that expand to an unlimited tree', () => {
    const levels = Array.from({ length: 12 }, (_, i) =>
      i === 0
        ? 'l0: &l0 [x]'
        : `l${i}: &l${i} [${Array(9)
            .fill(`*l${i - 1}`)
            .join(', ')}]`,
    );
    expect(messages(levels.join('\n'))[0]).toContain(
      'document 1 (line 1): document: more than 1000000 values',
    );
    expect(messages('&a [*a]')[0]).toContain('deeper than 100 levels');
  });

  it('gives equal texts to equal objects only', () => {
    const [a, b, c] = [service('x'), `# c\n${service('x')}`, service('x', '', 'spec: {}')].map(
      (text) => parsed(text).objects[0]?.text,
    );
    expect(a).toBe(b);
    expect(a).not.toBe(c);
  });
});
