/** Invalid input ends the process with status 1 and one line that names the cause: kubeconfigs, manifests. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestCertificates } from '@signalbox/kubernetes/testing';
import { systemClock } from '@signalbox/core/system-clock';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommandLine } from '../src/command-line.ts';
import { createSource } from '../src/compose/sources.ts';
import { recordingComposition } from '../src/testing/composition.ts';

const at: { folder: string } = { folder: '' };
beforeAll(() => {
  at.folder = mkdtempSync(join(tmpdir(), 'proxy-bad-input-'));
});
afterAll(() => rmSync(at.folder, { recursive: true, force: true }));

function put(name: string, text: string): string {
  const path = join(at.folder, name);
  writeFileSync(path, text);
  return path;
}

async function start(...flags: string[]) {
  const composition = { ...recordingComposition(), clock: systemClock, createSource };
  const terminal = { print: () => undefined, hint: () => undefined };
  return runCommandLine(['--hostname-override=n', ...flags], composition, terminal);
}

/** One line, which has these in it. */
async function refused(flag: string, ...parts: string[]): Promise<void> {
  const { status, errors } = await start(flag);
  expect(status).toBe(1);
  expect(errors).toHaveLength(1);
  for (const part of parts) expect(errors[0]).toContain(part);
  expect(errors[0]).not.toContain('\n');
}

interface Parts {
  readonly cluster?: string;
  readonly user?: string;
  readonly context?: string;
}

function kubeconfig({ cluster = '', user = '', context = 'cluster: k, user: u' }: Parts): string {
  return `apiVersion: v1
kind: Config
current-context: c
contexts: [{name: c, context: {${context}}}]
clusters: [{name: k, cluster: {${cluster === '' ? 'server: "https://192.0.2.1"' : cluster}}}]
users: [{name: u, user: {${user}}}]
`;
}

const SERVER = 'server: "https://192.0.2.1"';
const NO_PEM = Buffer.from('garbage').toString('base64');

describe('F7: kubeconfigs', () => {
  it.each<[string, string, string]>([
    ['kubeconfig: ', 'not YAML', ''],
    ['kubeconfig: ', 'not YAML: tab characters must not be used', 'a:\n\tb: c\n'],
    ['kubeconfig: ', 'not YAML', '\u0000\u0001\u0002'],
    ['kubeconfig: ', 'must be a mapping, is a list', '[]'],
    ['kubeconfig: ', 'must be a mapping, is a string', 'hello'],
    ['current-context: ', 'it is not set', 'kind: Pod\napiVersion: v1\n'],
    ['contexts[0].context.cluster: ', 'no entry named "z"', kubeconfig({ context: 'cluster: z, user: u' })],
    ['contexts[0].context.user: ', 'no entry named "z"', kubeconfig({ context: 'cluster: k, user: z' })],
    [
      'clusters[0].cluster.server: ',
      '"not a url" is not a URL',
      kubeconfig({ cluster: 'server: not a url' }),
    ],
    [
      'clusters[0].cluster.server: ',
      'only http:// and https://',
      kubeconfig({ cluster: 'server: "ftp://a"' }),
    ],
    ['kubeconfig: ', 'duplicated mapping key', kubeconfig({ cluster: `${SERVER}, server: b` })],
    [
      'clusters[0].cluster.certificate-authority-data: ',
      'not PEM in base64',
      kubeconfig({ cluster: `${SERVER}, certificate-authority-data: ${NO_PEM}` }),
    ],
    [
      'certificate-authority: ',
      'it is no certificate in PEM',
      kubeconfig({ cluster: `${SERVER}, certificate-authority: garbage` }),
    ],
    [
      'client-certificate: ',
      'it is no certificate in PEM',
      kubeconfig({ user: 'client-certificate: garbage, client-key: garbage' }),
    ],
    ['tokenFile: ', 'ENOENT', kubeconfig({ user: 'tokenFile: nowhere' })],
    ['tokenFile: ', 'it is empty', kubeconfig({ user: 'tokenFile: empty' })],
    ['tokenFile: ', 'it has a line break', kubeconfig({ user: 'tokenFile: two-lines' })],
    ['users[0].user.token: ', 'it has a line break', kubeconfig({ user: 'token: "abc\\n"' })],
    ['users[0].user.as: ', 'it has a line break', kubeconfig({ user: 'as: "a\\r\\nb: c"' })],
    [
      'certificate-authority: ',
      'it is empty',
      kubeconfig({ cluster: `${SERVER}, certificate-authority: empty` }),
    ],
    [
      'exec.command: no-such-plugin: ',
      'there is no such program; apt-get install it',
      kubeconfig({
        user: 'exec: {apiVersion: client.authentication.k8s.io/v1, command: no-such-plugin, installHint: apt-get install it}',
      }),
    ],
    ['users[0].user.client-certificate: ', 'it is missing', kubeconfig({ user: 'client-key: garbage' })],
    ['users[0].user.exec.command: ', 'it is not set', kubeconfig({ user: 'exec: {apiVersion: a}' })],
    [
      'clusters[0].cluster.proxy-url: ',
      'only http:// and https://',
      kubeconfig({ cluster: `${SERVER}, proxy-url: "socks5://a"` }),
    ],
  ])('%s%s', async (culprit, reason, text) => {
    put('garbage', 'garbage');
    put('empty', '\n');
    put('two-lines', 'abc\ndef\n');
    await refused(`--kubeconfig=${put('kubeconfig', text)}`, 'kubeconfig', culprit, reason);
  });

  it('a key that is none, and one of another certificate', async (context) => {
    const certificates = await createTestCertificates();
    if (certificates === null) return context.skip('there is no openssl');
    const [me, other] = [await certificates.client('me'), await certificates.client('other')];
    await certificates.remove();
    put('me.crt', me.certificate);
    put('other.key', other.key);
    const user = (key: string) => kubeconfig({ user: `client-certificate: me.crt, client-key: ${key}` });
    const where = (key: string) => `--kubeconfig=${put('kubeconfig', user(key))}`;
    await refused(where('me.crt'), 'client-key: ', 'me.crt', 'it is no private key in PEM');
    await refused(where('other.key'), 'client-key: ', 'other.key', 'it does not belong');
  });

  it('one that is not there, and a folder', async () => {
    await refused(`--kubeconfig=${at.folder}/none`, 'none', 'ENOENT');
    await refused(`--kubeconfig=${at.folder}`, at.folder, 'not a regular file');
  });
});

describe('F8: --master', () => {
  it.each(['x y', 'ftp://a', 'https://u:p@h', 'https://', 'http://a,,b', 'http://a:99999'])('%j', (url) =>
    refused(`--master=${url}`, '--master: '),
  );
});

describe('manifests, with --strict', () => {
  it.each([
    ['line 1, column 5', 'not YAML', 'a: ['],
    ['line 2, column 1', 'not YAML: tab characters', 'a:\n\tb: 1\n'],
    ['line 1, column 1', 'not YAML: the stream contains non-printable', '\u0001'],
    ['document 1 (line 1)', 'must be a mapping, not "hello"', 'hello'],
    ['document 1 (line 1): kind', 'kind: required', 'apiVersion: v1\nmetadata: {name: a}\n'],
    ['document 1 (line 1): metadata', 'metadata: required', 'apiVersion: v1\nkind: Service\n'],
    [
      'document 1 (line 1): apiVersion',
      'must be discovery.k8s.io/v1, not',
      'apiVersion: discovery.k8s.io/v1beta1\nkind: EndpointSlice\nmetadata: {name: a, namespace: b}\n',
    ],
    [
      'document 2 (line 5)',
      'must be a mapping, not a list',
      'apiVersion: v1\nkind: List\nitems: []\n---\n- list\n',
    ],
  ])('%s: %s', async (place, reason, text) => {
    const file = put('objects.yaml', text);
    const { status, errors } = await start(`--manifests=${file}`, '--strict');
    const [head, problem, ...more] = errors.flatMap((error) => error.split('\n'));
    expect([status, head, more]).toEqual([1, `--manifests: 1 problem in ${file}, refused by --strict`, []]);
    expect(problem).toMatch(/^ {2}objects\.yaml: /);
    expect(problem).toContain(place);
    expect(problem).toContain(reason);
  });

  it('none there', () => refused(`--manifests=${at.folder}/none`, '--manifests: ', 'none', 'ENOENT'));
});
