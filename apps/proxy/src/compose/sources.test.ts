import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestApiServer } from '@signalbox/kubernetes/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { createLogging } from '../logging/logger.ts';
import { settingsOf } from '../testing/settings.ts';
import { createSource } from './sources.ts';

const opened: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0)) await close();
});

const { logger } = createLogging(
  { format: 'text', verbosity: 0, vmodule: [] },
  { write: () => undefined, now: Date.now, pid: 1 },
);

/** The error; `null` when there is a source. */
async function problemOf(...argv: string[]): Promise<string | null> {
  const made = await createSource(settingsOf(argv), logger);
  if (typeof made === 'string') return made;
  opened.push(() => made.source.stop());
  return null;
}

describe('where objects come from', () => {
  it.each([
    ['--master=http://192.0.2.1:8080'],
    ['--master=https://192.0.2.1:6443,https://192.0.2.2:6443'],
    ['--master=192.0.2.1:8080, 192.0.2.2:8080'],
  ])('F8: %s is taken', async (flag) => {
    expect(await problemOf(flag)).toBeNull();
  });

  it.each([
    [
      'F8: ',
      '--master=ftp://192.0.2.1',
      '--master: "ftp://192.0.2.1": only http:// and https:// are supported',
    ],
    [
      'F8: ',
      '--master=http://192.0.2.1,ftp://192.0.2.2',
      '--master: "ftp://192.0.2.2": only http:// and https://',
    ],
    ['F8: ', '--master=http://192.0.2.1,', '--master: it is not set'],
    ['F7: ', '--kubeconfig=/no/such/file', '/no/such/file: ENOENT'],
  ])('%s%s is refused in one line', async (_, flag, expected) => {
    expect(await problemOf(flag)).toContain(expected);
  });

  it.each([
    [
      'certificate-authority',
      '{server: "https://192.0.2.1", certificate-authority: /no/ca.crt}',
      '{token: t}',
    ],
    ['tokenFile', '{server: "https://192.0.2.1"}', '{tokenFile: /no/token}'],
    ['client-key', '{server: "https://192.0.2.1"}', '{client-certificate: FILE, client-key: /no/client.key}'],
  ])('F7: a %s that is not there is named, with the kubeconfig', async (name, cluster, user) => {
    const folder = mkdtempSync(join(tmpdir(), 'proxy-sources-'));
    const file = join(folder, 'kubeconfig');
    writeFileSync(
      file,
      `apiVersion: v1
kind: Config
current-context: c
contexts: [{name: c, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: ${cluster}}]
users: [{name: u, user: ${user.replace('FILE', file)}}]
`,
    );
    const problem = await problemOf(`--kubeconfig=${file}`);
    rmSync(folder, { recursive: true });
    expect(problem).toMatch(/^\S*kubeconfig: \S+: \/no\/\S+: ENOENT[^\n]*$/);
    expect(problem).toContain(`: ${name}: `);
  });

  it('F7: a tokenFile that is a FIFO is refused at start, which waits for no writer', async ({ skip }) => {
    const folder = mkdtempSync(join(tmpdir(), 'proxy-sources-'));
    const [file, fifo] = [join(folder, 'kubeconfig'), join(folder, 'fifo')];
    if (spawnSync('mkfifo', [fifo]).status !== 0) return skip('no FIFOs on this machine');
    const cluster = '{name: c, cluster: {server: "https://192.0.2.1"}}';
    const user = `{name: u, user: {tokenFile: ${fifo}}}`;
    const context = 'current-context: c\ncontexts: [{name: c, context: {cluster: c, user: u}}]';
    writeFileSync(file, `kind: Config\n${context}\nclusters: [${cluster}]\nusers: [${user}]\n`);
    const problem = await problemOf(`--kubeconfig=${file}`);
    rmSync(folder, { recursive: true });
    expect(problem).toBe(`${file}: tokenFile: ${fifo}: not a regular file`);
  });

  it.each([
    [
      'protobuf, or else JSON, unless something else is configured',
      [],
      '',
      /^application\/vnd.kubernetes.protobuf.*json$/,
    ],
    ['the value of the flag', ['--kube-api-content-type=application/json'], '', /^application\/json[^b]*$/],
    ['the value of acceptContentTypes', [], 'application/json', /^application\/json[^b]*$/],
  ])('F9 F70: objects are asked for in %s', async (_, flags, acceptContentTypes, expected) => {
    const server = await createTestApiServer();
    opened.push(server.stop);
    const settings = settingsOf([`--master=${server.url}`, ...flags]);
    const clientConnection = { ...settings.config.clientConnection, acceptContentTypes };
    const made = await createSource(
      { ...settings, config: { ...settings.config, clientConnection } },
      logger,
    );
    if (typeof made === 'string') throw new Error(made);
    const asked = server.requests.next(() => true);
    made.source.start({ onEvents: () => undefined, onSynced: () => undefined, onProblem: () => undefined });
    const { headers } = await asked;
    await made.source.stop();
    expect(headers.accept).toMatch(expected);
  });

  it('--manifests has to be there at start', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'proxy-sources-'));
    expect(await problemOf(`--manifests=${folder}`)).toBeNull();
    rmSync(folder, { recursive: true });
    expect(await problemOf(`--manifests=${folder}`)).toMatch(/^--manifests: ENOENT.*proxy-sources-/);
  });

  it('--manifests: bad documents end the start only with --strict, which lists all of them', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'proxy-sources-'));
    const good = `apiVersion: v1\nkind: Service\nmetadata: {name: NAME}\nspec: {clusterIP: ADDRESS, ports: [{port: 80}]}\n`;
    const service = (name: string, ip: string): string => good.replace('NAME', name).replace('ADDRESS', ip);
    writeFileSync(join(folder, 'a.yaml'), `a: [\n---\n${service('a', '10.96.0.1')}`);
    writeFileSync(join(folder, 'b.json'), '{"kind": ');
    writeFileSync(join(folder, 'c.yaml'), `kind: Service\n---\n${service('c', '127.0.0.1')}`);
    writeFileSync(join(folder, 'd.yaml'), 'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\n');
    expect(await problemOf(`--manifests=${folder}`)).toBeNull();
    const lines = (await problemOf(`--manifests=${folder}`, '--strict'))?.split('\n') ?? [];
    rmSync(folder, { recursive: true });
    expect(lines).toEqual([
      `--manifests: 4 problems in ${folder}, refused by --strict`,
      expect.stringContaining('  a.yaml: line 2, column 1: not YAML: '),
      expect.stringContaining('  b.json: line 1, column '),
      '  c.yaml: document 1 (line 1): apiVersion: required; document ignored',
      '  c.yaml: document 2 (line 3): Service default/c.spec.clusterIP: invalid value "127.0.0.1": must not be a loopback address',
    ]);
  });

  it('--strict accepts a folder without problems, and needs --manifests', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'proxy-sources-'));
    expect(await problemOf(`--manifests=${folder}`, '--strict')).toBeNull();
    rmSync(folder, { recursive: true });
    expect(await problemOf('--master=http://192.0.2.1:8080', '--strict')).toBe(
      '--strict: only with --manifests',
    );
  });
});
