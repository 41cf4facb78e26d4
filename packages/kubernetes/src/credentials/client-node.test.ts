/**
 * The official client's KubeConfig as an oracle for this package's: the same kubeconfig must lead to the same server with the
 * same identity. It is loaded only here (decisions/0007-own-reflector.md).
 */
import type { Result } from '@signalbox/core';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createManualClock } from '@signalbox/core/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';

import type { ClusterConfig, ConfigError } from '../config/cluster-config.ts';
import { loadClusterConfig } from '../config/load-cluster-config.ts';
import { createIdentitySource } from './identity.ts';

/** Everything by which a server, or a listener on the connection, can distinguish two clients. */
interface Seen {
  readonly server: string;
  readonly ca: string | null;
  readonly certificate: string | null;
  readonly key: string | null;
  readonly authorization: string | null;
  readonly impersonated: string | null;
  readonly serverName: string | null;
  readonly verifies: boolean;
}

const pem = (kind: string, text: string): string =>
  `-----BEGIN ${kind}-----\n${Buffer.from(text).toString('base64')}\n-----END ${kind}-----\n`;
const AUTHORITY = pem('CERTIFICATE', 'the authority');
const CERTIFICATE = pem('CERTIFICATE', 'the client');
const KEY = pem('PRIVATE KEY', 'its key');
const base64 = (text: string): string => Buffer.from(text).toString('base64');

const at: { folder: string } = { folder: '' };
beforeAll(() => {
  at.folder = mkdtempSync(join(tmpdir(), 'signalbox-kubernetes-oracle-'));
  const account = join(at.folder, 'var/run/secrets/kubernetes.io/serviceaccount');
  mkdirSync(account, { recursive: true });
  mkdirSync(join(at.folder, 'pki'));
  writeFileSync(join(account, 'token'), 'of-the-pod');
  writeFileSync(join(account, 'ca.crt'), AUTHORITY);
  writeFileSync(join(at.folder, 'pki/ca.crt'), AUTHORITY);
  writeFileSync(join(at.folder, 'pki/me.crt'), CERTIFICATE);
  writeFileSync(join(at.folder, 'pki/me.key'), KEY);
  writeFileSync(join(at.folder, 'pki/other.crt'), pem('CERTIFICATE', 'another name'));
  writeFileSync(join(at.folder, 'token'), 'of-the-file');
});
afterAll(() => rmSync(at.folder, { recursive: true, force: true }));
afterEach(() => void vi.unstubAllEnvs());

/** Reads alone: the environment of a plugin is that of the test. */
const ENVIRONMENT = { PATH: '/usr/bin:/bin' };

async function readBySignalbox(loaded: Promise<Result<ClusterConfig, ConfigError>>): Promise<Seen> {
  const config = await loaded;
  if (!config.ok) throw new Error(config.error.message);
  const identity = await createIdentitySource(config.value, createManualClock(0)).read();
  if (!identity.ok) throw new Error(identity.error);
  const { authorization, headers, tls } = identity.value;
  return {
    server: config.value.servers[0] ?? '',
    ca: tls.ca?.trim() ?? null,
    certificate: tls.certificate?.trim() ?? null,
    key: tls.key?.trim() ?? null,
    authorization,
    impersonated: headers['impersonate-user']?.toString() ?? null,
    serverName: config.value.tls.serverName,
    verifies: !config.value.tls.insecureSkipVerify,
  };
}

const newOracle = async () => new (await import('@kubernetes/client-node')).KubeConfig();
type Oracle = Awaited<ReturnType<typeof newOracle>>;

async function readByOracle(oracle: Oracle): Promise<Seen> {
  const options: RequestOptions = {};
  await oracle.applyToHTTPSOptions(options);
  const headers = new Headers(options.headers as Record<string, string>);
  const basic = options.auth ? `Basic ${base64(options.auth)}` : null;
  const text = (material: unknown): string | null =>
    typeof material === 'string' || Buffer.isBuffer(material) ? material.toString().trim() : null;
  return {
    server: oracle.getCurrentCluster()?.server ?? '',
    ca: text(options.ca),
    certificate: text(options.cert),
    key: text(options.key),
    // Node's http sends `auth` only where no such header is given.
    authorization: headers.get('authorization') ?? basic,
    impersonated: headers.get('impersonate-user'),
    serverName: options.servername ?? null,
    verifies: options.rejectUnauthorized ?? true,
  };
}

/** Both views of one kubeconfig. A context is named `c`, its cluster `k`, its user `u`. */
async function both(cluster: object, user: object | null, more: object = {}) {
  const file = join(at.folder, 'kubeconfig');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'c',
    contexts: [{ name: 'c', context: { cluster: 'k', ...(user === null ? {} : { user: 'u' }) } }],
    clusters: [{ name: 'k', cluster: { server: 'https://10.0.0.1:6443', ...cluster } }],
    users: [{ name: 'u', user: user ?? {} }],
    ...more,
  };
  writeFileSync(file, JSON.stringify(config));
  const oracle = await newOracle();
  oracle.loadFromString(readFileSync(file, 'utf8'));
  oracle.makePathsAbsolute(at.folder);
  return {
    signalbox: await readBySignalbox(loadClusterConfig({ kubeconfig: file, env: ENVIRONMENT })),
    oracle: await readByOracle(oracle),
  };
}

const CREDENTIAL = { kind: 'ExecCredential', apiVersion: 'client.authentication.k8s.io/v1' };

/** A plugin that prints this status, its first argument and a variable in place of `ARG` and `VAR`. */
function plugin(status: Record<string, string>, more: object = {}): object {
  const printed = JSON.stringify({ ...CREDENTIAL, status });
  const program = `console.log(${JSON.stringify(printed)}.replace('ARG', process.argv[1]).replace('VAR', process.env.COLOUR))`;
  return {
    exec: {
      apiVersion: CREDENTIAL.apiVersion,
      interactiveMode: 'Never',
      command: process.execPath,
      args: ['-e', program, 'argument'],
      env: [{ name: 'COLOUR', value: 'green' }],
      ...more,
    },
  };
}

const DATA = { 'client-certificate-data': base64(CERTIFICATE), 'client-key-data': base64(KEY) };
const FILES = { 'client-certificate': 'pki/me.crt', 'client-key': 'pki/me.key' };
const CA_DATA = { 'certificate-authority-data': base64(AUTHORITY) };

describe("the same server and identity as client-node's KubeConfig", () => {
  it.each<[string, object, object]>([
    ['a token', CA_DATA, { token: 'secret' }],
    ['a name and a password', CA_DATA, { username: 'me', password: 'p:w' }],
    ['a token before a name and a password', {}, { token: 'secret', username: 'me', password: 'pw' }],
    ['client certificates as data', CA_DATA, DATA],
    ['client certificates in files, by relative paths', { 'certificate-authority': 'pki/ca.crt' }, FILES],
    ['a certificate as data, its key in a file', {}, { ...DATA, ...FILES, 'client-certificate': '' }],
    ['a certificate and a token', CA_DATA, { ...DATA, token: 'secret' }],
    ['a plugin: token, with argument and variable', CA_DATA, plugin({ token: 'ARG-VAR' })],
    [
      'a plugin: certificate and key',
      CA_DATA,
      plugin({ clientCertificateData: CERTIFICATE, clientKeyData: KEY }),
    ],
    [
      'a plugin: all three, before those of the user',
      {},
      { ...DATA, ...plugin({ token: 't', clientCertificateData: 'c', clientKeyData: 'k' }) },
    ],
    ['a token before the one of a plugin', {}, { token: 'secret', ...plugin({ token: 'ARG' }) }],
    ['a name of the server', { ...CA_DATA, 'tls-server-name': 'kubernetes' }, { token: 'secret' }],
    ['no verification', { 'insecure-skip-tls-verify': true }, { token: 'secret' }],
    ['a server with a path and a slash', { server: 'https://api.example/k8s/' }, { token: 'secret' }],
    ['a user to impersonate', CA_DATA, { token: 'secret', as: 'system:node-proxier' }],
  ])('%s', async (_, cluster, user) => {
    const seen = await both(cluster, user);
    expect(seen.signalbox).toEqual(seen.oracle);
  });

  it('the current one of several contexts', async () => {
    const seen = await both({}, null, {
      'current-context': 'second',
      contexts: [
        { name: 'first', context: { cluster: 'a', user: 'u' } },
        { name: 'second', context: { cluster: 'b', user: 'v' } },
      ],
      clusters: ['a', 'b'].map((name) => ({ name, cluster: { server: `https://${name}`, ...CA_DATA } })),
      users: ['u', 'v'].map((name) => ({ name, user: { token: name } })),
    });
    expect(seen.signalbox).toEqual(seen.oracle);
    expect(seen.signalbox).toMatchObject({ server: 'https://b', authorization: 'Bearer v' });
  });

  it.each([
    ['10.96.0.1', '6443', 'https://10.96.0.1:6443'],
    ['fd00::1', '6443', 'https://[fd00::1]:6443'],
  ])('in a pod: %s, port %s', async (host, port, server) => {
    const variables = { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port };
    for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
    const oracle = await newOracle();
    oracle.loadFromCluster(at.folder);
    const serviceAccountFolder = join(at.folder, 'var/run/secrets/kubernetes.io/serviceaccount');
    const own = await readBySignalbox(loadClusterConfig({ env: variables, serviceAccountFolder }));
    expect(own).toEqual(await readByOracle(oracle));
    expect(own).toMatchObject({ server, authorization: 'Bearer of-the-pod' });
  });
});

/** Where the two differ, client-go is the reference: kubeconfigs of kube-proxy are written for it. */
describe("unlike client-node's KubeConfig, like client-go", () => {
  it.each<[string, object, object | null, { readonly we: Partial<Seen>; readonly they: Partial<Seen> }]>([
    [
      'tokenFile, which kubeadm writes, counts',
      {},
      { tokenFile: 'token' },
      { we: { authorization: 'Bearer of-the-file' }, they: { authorization: null } },
    ],
    [
      'tokenFile counts more than a token',
      {},
      { tokenFile: 'token', token: 'old' },
      { we: { authorization: 'Bearer of-the-file' }, they: { authorization: 'Bearer old' } },
    ],
    [
      'data count more than a file',
      {},
      { ...DATA, ...FILES, 'client-certificate': 'pki/other.crt' },
      {
        we: { certificate: CERTIFICATE.trim() },
        they: { certificate: pem('CERTIFICATE', 'another name').trim() },
      },
    ],
    [
      'no password is an empty one',
      {},
      { username: 'me' },
      {
        we: { authorization: `Basic ${base64('me:')}` },
        they: { authorization: `Basic ${base64('me:undefined')}` },
      },
    ],
    [
      'the authority counts without a user, too',
      CA_DATA,
      null,
      { we: { ca: AUTHORITY.trim() }, they: { ca: null } },
    ],
    [
      'a plugin gets the cluster',
      {},
      plugin(
        { token: 'unused' },
        {
          args: [
            '-e',
            `console.log(JSON.stringify({...${JSON.stringify(CREDENTIAL)},status:{token:typeof process.env.KUBERNETES_EXEC_INFO}}))`,
          ],
        },
      ),
      { we: { authorization: 'Bearer string' }, they: { authorization: 'Bearer undefined' } },
    ],
  ])('%s', async (_, cluster, user, { we, they }) => {
    const seen = await both(cluster, user);
    expect(seen.signalbox).toMatchObject(we);
    expect(seen.oracle).toEqual({ ...seen.signalbox, ...they });
  });
});
