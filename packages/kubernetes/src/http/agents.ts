/** Keep-alive agents, one for each protocol and proxy, made anew only when certificates change. */
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent, type AgentOptions } from 'node:https';

import type { ClusterConfig } from '../config/cluster-config.ts';
import { proxyFor } from '../config/proxy.ts';
import type { TlsMaterial } from '../credentials/identity.ts';

export interface Agents {
  readonly agentFor: (url: URL, tls: TlsMaterial) => HttpAgent;
  /** Closes idle connections at once; those in use end with their request. */
  readonly close: () => void;
}

/** A silent peer that is gone is noticed by the kernel: first probe after this, then some more, a second apart. */
export const TCP_KEEPALIVE_MS = 30_000;

export function createAgents(config: ClusterConfig): Agents {
  const agents = new Map<string, HttpAgent>();
  let material: TlsMaterial | null = null;
  const close = (): void => {
    for (const agent of agents.values()) retire(agent);
    agents.clear();
  };
  return {
    agentFor(url, tls) {
      if (material !== null && !sameMaterial(material, tls)) close();
      material = tls;
      const proxy = proxyFor(url, config.proxy);
      const key = `${url.protocol} ${proxy ?? 'direct'}`;
      const agent = agents.get(key) ?? createAgent(url, proxy, tlsOptions(config, tls));
      agents.set(key, agent);
      return agent;
    },
    close,
  };
}

function createAgent(url: URL, proxy: string | null, tls: AgentOptions): HttpAgent {
  const proxyEnv = proxy === null ? {} : { proxyEnv: { HTTP_PROXY: proxy, HTTPS_PROXY: proxy } };
  const common = { keepAlive: true, keepAliveMsecs: TCP_KEEPALIVE_MS, ...proxyEnv };
  return url.protocol === 'https:' ? new HttpsAgent({ ...common, ...tls }) : new HttpAgent(common);
}

function tlsOptions(config: ClusterConfig, tls: TlsMaterial): AgentOptions {
  return {
    ...(tls.ca === null ? {} : { ca: tls.ca }),
    ...(tls.certificate === null ? {} : { cert: tls.certificate }),
    ...(tls.key === null ? {} : { key: tls.key }),
    ...(config.tls.serverName === null ? {} : { servername: config.tls.serverName }),
    rejectUnauthorized: !config.tls.insecureSkipVerify,
  };
}

function sameMaterial(a: TlsMaterial, b: TlsMaterial): boolean {
  return a.ca === b.ca && a.certificate === b.certificate && a.key === b.key;
}

function retire(agent: HttpAgent): void {
  agent.maxFreeSockets = 0;
  for (const sockets of Object.values(agent.freeSockets))
    for (const socket of sockets ?? []) socket.destroy();
}
