/** A cluster in memory whose nodes run the proxy: an API server with a port-forward, and an HTTP server for each pod. */
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  createTestApiServer,
  type TestApiServer,
  type TestCertificates,
} from '@signalbox/kubernetes/testing';
import { createPortForwardServer, type PortForwardServer } from './port-forward.ts';

type PodBehaviour = RequestListener | 'refused' | 'silent' | 'absent';

interface PodOptions {
  readonly labels?: Readonly<Record<string, string>>;
  readonly ready?: 'True' | 'False';
  readonly phase?: string;
}

export interface ProxyCluster {
  readonly api: TestApiServer;
  readonly forwards: PortForwardServer;
  /** A kubeconfig for it, in this folder. */
  writeKubeconfig(folder: string): string;
  addNode(name: string): void;
  addPod(node: string, behaviour: PodBehaviour, options?: PodOptions): Promise<void>;
  close(): Promise<void>;
}

const NAMESPACE = 'kube-system';

/** Accepts this token only. client-node does not speak to an API server without TLS. */
export async function createProxyCluster(
  { ca, server: tls }: TestCertificates,
  token: string,
): Promise<ProxyCluster> {
  const pods = new Map<string, number | 'refused' | 'silent' | 'absent'>();
  const servers: Server[] = [];
  const forwards = createPortForwardServer((pod) => pods.get(pod) ?? 'absent');
  const api = await createTestApiServer({
    onUpgrade: (...upgrade) => forwards.serve(...upgrade),
    tokens: [token],
    tls,
  });
  return {
    api,
    forwards,
    writeKubeconfig: (folder) => writeKubeconfig(folder, { server: api.url, ca, token }),
    addNode: (name) => void api.put(node(name)),
    async addPod(nodeName, behaviour, options = {}) {
      api.put(node(nodeName));
      const name = `kube-proxy-${nodeName}`;
      api.put(pod(name, nodeName, options));
      const target = typeof behaviour === 'string' ? behaviour : await listen(behaviour, servers);
      pods.set(`${NAMESPACE}/${name}`, target);
    },
    async close() {
      await api.stop();
      for (const server of servers) {
        server.closeAllConnections();
        server.close();
      }
    },
  };
}

async function listen(handler: RequestListener, servers: Server[]): Promise<number> {
  const server = createServer(handler);
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

function node(name: string): object {
  return { kind: 'Node', apiVersion: 'v1', metadata: { name } };
}

function pod(
  name: string,
  nodeName: string,
  { labels, ready = 'True', phase = 'Running' }: PodOptions,
): object {
  return {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: { name, namespace: NAMESPACE, labels: labels ?? { 'k8s-app': 'kube-proxy' } },
    spec: { nodeName, containers: [] },
    status: { phase, conditions: [{ type: 'Ready', status: ready }] },
  };
}

interface Credentials {
  readonly server: string;
  readonly ca: string;
  readonly token: string;
}

function writeKubeconfig(folder: string, { server, ca, token }: Credentials): string {
  const file = join(folder, 'kubeconfig.json');
  const authority = { 'certificate-authority-data': Buffer.from(ca).toString('base64') };
  const cluster = { name: 'memory', cluster: { server, ...authority } };
  const context = { name: 'memory', context: { cluster: 'memory', user: 'admin' } };
  const user = { name: 'admin', user: { token } };
  const whole = { 'current-context': 'memory', clusters: [cluster], contexts: [context], users: [user] };
  writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'Config', ...whole }));
  return file;
}
