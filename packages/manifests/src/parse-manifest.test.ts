import { describe, expect, it } from 'vitest';

import { parseManifest, type ParsedManifest } from './parse-manifest.ts';

const service = (name: string, more = ''): string =>
  `apiVersion: v1\nkind: Service\nmetadata:\n  name: ${name}\n${more}`;

function parsed(text: string): ParsedManifest {
  const result = parseManifest('a.yaml', text);
  if (!result.ok) throw new Error(result.problem.message);
  return result.manifest;
}

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
      'apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: web-1}',
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
    });
  });

  it('reads lists, also lists in lists, and typed lists whose items name no kind', () => {
    const list = (items: unknown[]): unknown => ({ apiVersion: 'v1', kind: 'List', items });
    const item = (name: string): unknown => ({ apiVersion: 'v1', kind: 'Service', metadata: { name } });
    expect(names(JSON.stringify(list([item('a'), list([item('b')])])))).toEqual([
      'Service default/a',
      'Service default/b',
    ]);
    const typed = { apiVersion: 'v1', kind: 'ServiceList', items: [{ metadata: { name: 'c' } }] };
    expect(names(JSON.stringify(typed))).toEqual(['Service default/c']);
  });

  it('skips one bad document alone and says where it is and which field is at fault', () => {
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
      'bad-document a.yaml: document 2 (line 7): apiVersion: a version is wanted, not nothing; skipped',
      'bad-document a.yaml: document 3 (line 10): kind: a name is wanted, not nothing; skipped',
      'bad-document a.yaml: document 4 (line 13): metadata: a mapping is wanted, not nothing; skipped',
      'bad-document a.yaml: document 5 (line 16): metadata.name: a string is wanted, not nothing; skipped',
      'bad-document a.yaml: document 6 (line 20): metadata.name: a string is wanted, not 12; skipped',
      'bad-document a.yaml: document 7 (line 24): metadata.namespace: a string is wanted, not a list; skipped',
      'bad-document a.yaml: document 8 (line 28): document: a mapping is wanted, not "just words"; skipped',
      'bad-document a.yaml: document 9 (line 30): apiVersion: discovery.k8s.io/v1 is wanted, not "discovery.k8s.io/v1beta1"; skipped',
      'bad-document a.yaml: document 10 (line 34), items[0]: kind: a name is wanted, not nothing; skipped',
      'bad-document a.yaml: document 10 (line 34), items[1]: document: a mapping is wanted, not 3; skipped',
    ]);
  });

  it('names kinds it has no use for, a Knative Service among them, and reads on', () => {
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
    expect(names(text)).toEqual(['Service default/web']);
    expect(messages(text)).toEqual([]);
  });

  it.each([
    ['a: [1\n', 'line 2, column 1'],
    ['a: 1\nb:\n\t- c\n', 'line 3, column 1'],
    ['x: 1\n---\na: 1\na: 2\n', 'line 4, column 1'],
  ])('refuses a text that is not YAML as a whole: %j', (text, place) => {
    const result = parseManifest('a.yaml', text);
    expect(result.ok, 'the text was accepted').toBe(false);
    if (!result.ok) {
      expect(result.problem.code).toBe('bad-yaml');
      expect(result.problem.message).toContain(`a.yaml: ${place}: not YAML: `);
    }
  });

  it('is not taken down by aliases that unfold to a tree without end', () => {
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
    const [a, b, c] = [service('x'), `# c\n${service('x')}`, service('x', 'spec: {}')].map(
      (text) => parsed(text).objects[0]?.text,
    );
    expect(a).toBe(b);
    expect(a).not.toBe(c);
  });
});
