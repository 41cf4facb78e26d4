/** etcd and kube-apiserver, started from their binaries on loopback, with RBAC and kube-proxy's own role. */
import { spawn, execFile, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request as httpsRequest } from 'node:https';
import { createServer, type AddressInfo } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import type { Resource } from '@signalbox/core';

import { DEFAULT_TLS, NO_AUTH, type ClusterConfig } from '../config/cluster-config.ts';
import type { WireObject } from '../wire.ts';
import type { Cluster } from './cluster.ts';
import { plainConfig } from './plain-config.ts';
import { COLLECTIONS } from './test-api-server.ts';

export interface Binaries {
  readonly etcd: string;
  readonly apiServer: string;
}

interface Place {
  readonly folder: string;
  readonly etcd: string;
  readonly apiPort: number;
  readonly apiArguments: readonly string[];
}

export async function createRealCluster(binaries: Binaries): Promise<Cluster> {
  const place = await prepare();
  const etcd = await startEtcd(binaries.etcd, place);
  let api = await startApiServer(binaries.apiServer, place);
  const admin = (method: string, path: string, body?: unknown): Promise<Answer> =>
    call({ place, token: 'admin', method, path, body });

  return {
    config: proxyConfig(place),
    async create(object) {
      await expectStatus(await admin('POST', collectionPath(object), object), 201);
    },
    async delete(resource, namespace, name) {
      const path = `${collectionPath({ kind: resource, metadata: { namespace } })}/${name}`;
      await expectStatus(await admin('DELETE', path), 200);
    },
    async restart(meanwhile) {
      await meanwhile();
      await compactEtcd(place.etcd);
      await kill(api);
      api = await startApiServer(binaries.apiServer, place);
    },
    async eventsAbout(name) {
      const { text } = await admin('GET', '/apis/events.k8s.io/v1/events');
      const { items } = JSON.parse(text) as { items: { reason: string; regarding: { name: string } }[] };
      return items.filter(({ regarding }) => regarding.name === name).map(({ reason }) => reason);
    },
    async close() {
      // etcd last: without it a graceful stop of the API server hangs.
      await kill(api);
      await kill(etcd);
      await rm(place.folder, { recursive: true, force: true });
    },
  };
}

/** As kube-proxy, whose rights the API server itself binds to its group. */
function proxyConfig({ folder, apiPort }: Place): ClusterConfig {
  const tls = { ...DEFAULT_TLS, ca: { from: 'file', path: join(folder, 'certs/apiserver.crt') } } as const;
  return plainConfig([`https://127.0.0.1:${apiPort}`], { tls, auth: { ...NO_AUTH, token: 'proxy' } });
}

async function prepare(): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'signalbox-kubernetes-real-'));
  await promisify(execFile)('openssl', ['genrsa', '-out', join(folder, 'sa.key'), '2048']);
  const tokens = 'admin,admin,admin,system:masters\nproxy,system:kube-proxy,kube-proxy,system:node-proxier\n';
  await writeFile(join(folder, 'tokens.csv'), tokens);
  const [etcdPort, apiPort] = [await freePort(), await freePort()];
  const etcd = `http://127.0.0.1:${etcdPort}`;
  const key = join(folder, 'sa.key');
  const apiArguments = [
    `--etcd-servers=${etcd}`,
    `--secure-port=${apiPort}`,
    '--bind-address=127.0.0.1',
    `--advertise-address=${outerAddress()}`,
    `--cert-dir=${join(folder, 'certs')}`,
    `--token-auth-file=${join(folder, 'tokens.csv')}`,
    '--authorization-mode=RBAC',
    '--service-cluster-ip-range=10.96.0.0/16',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${key}`,
    `--service-account-signing-key-file=${key}`,
  ];
  return { folder, etcd, apiPort, apiArguments };
}

/** kube-apiserver will not advertise loopback. */
function outerAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? '192.0.2.2';
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function startEtcd(binary: string, { folder, etcd }: Place): Promise<ChildProcess> {
  const peer = `http://127.0.0.1:${await freePort()}`;
  const options = {
    'data-dir': join(folder, 'etcd'),
    'listen-client-urls': etcd,
    'advertise-client-urls': etcd,
    'listen-peer-urls': peer,
    'initial-advertise-peer-urls': peer,
    'initial-cluster': `default=${peer}`,
    'unsafe-no-fsync': 'true',
  };
  const flags = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
  const child = spawn(binary, flags, { stdio: 'ignore' });
  await eventually('etcd', async () => (await fetch(`${etcd}/health`)).ok);
  return child;
}

async function startApiServer(binary: string, place: Place): Promise<ChildProcess> {
  const child = spawn(binary, place.apiArguments, { stdio: 'ignore' });
  await eventually('kube-apiserver', async () => {
    const { status } = await call({ place, token: 'admin', method: 'GET', path: '/readyz' });
    return status === 200;
  });
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

async function eventually(what: string, test: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    if (await test().catch(() => false)) return;
    await new Promise((resolve) => {
      setTimeout(resolve, 100);
    });
  }
  throw new Error(`${what} did not become ready within 30 s`);
}

async function compactEtcd(etcd: string): Promise<void> {
  const post = async (path: string, body: unknown): Promise<unknown> =>
    (await fetch(`${etcd}/v3/kv/${path}`, { method: 'POST', body: JSON.stringify(body) })).json();
  const found = (await post('range', { key: Buffer.from('/').toString('base64') })) as {
    header: { revision: string };
  };
  await post('compaction', { revision: found.header.revision, physical: true });
}

function collectionPath({ kind, metadata }: WireObject): string {
  const [path = ''] =
    Object.entries(COLLECTIONS).find(([, { resource }]) => resource === (kind as Resource)) ?? [];
  const namespace = metadata?.namespace ?? '';
  return namespace === '' ? path : path.replace(/\/([a-z]+)$/, `/namespaces/${namespace}/$1`);
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

interface Call {
  readonly place: Place;
  readonly token: string;
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
}

async function call({ place, token, method, path, body }: Call): Promise<Answer> {
  const ca = await readFile(join(place.folder, 'certs/apiserver.crt'), 'utf8');
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const sent = httpsRequest(`https://127.0.0.1:${place.apiPort}${path}`, { method, headers, ca });
  sent.end(body === undefined ? undefined : JSON.stringify(body));
  const [response] = (await once(sent, 'response')) as [NodeJS.ReadableStream & { statusCode: number }];
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return { status: response.statusCode, text };
}

async function expectStatus({ status, text }: Answer, wanted: number): Promise<void> {
  if (status !== wanted) throw new Error(`${wanted} expected, ${status} received: ${text}`);
  return Promise.resolve();
}
