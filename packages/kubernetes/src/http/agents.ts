/** Keep-alive agents, one a protocol, made anew only when certificates change. */
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';

import type { ClusterConfig } from '../config/cluster-config.ts';
import type { TlsMaterial } from '../credentials/identity.ts';

export interface Agents {
  readonly agentFor: (url: URL, tls: TlsMaterial) => HttpAgent;
  /** Closes idle connections at once; those in use end with their request. */
  readonly close: () => void;
}

/** A silent peer that is gone is noticed by the kernel: first probe after this, then some more, a second apart. */
export const TCP_KEEPALIVE_MS = 30_000;

export function createAgents(config: ClusterConfig): Agents {
  const common = { keepAlive: true, keepAliveMsecs: TCP_KEEPALIVE_MS, proxyEnv: config.proxy };
  const plain = new HttpAgent(common);
  let secure: { readonly agent: HttpsAgent; readonly tls: TlsMaterial } | null = null;

  const secureAgent = (tls: TlsMaterial): HttpsAgent => {
    if (secure !== null && sameMaterial(secure.tls, tls)) return secure.agent;
    if (secure !== null) retire(secure.agent);
    const agent = new HttpsAgent({
      ...common,
      ...(tls.ca === null ? {} : { ca: tls.ca }),
      ...(tls.certificate === null ? {} : { cert: tls.certificate }),
      ...(tls.key === null ? {} : { key: tls.key }),
      ...(config.tls.serverName === null ? {} : { servername: config.tls.serverName }),
      rejectUnauthorized: !config.tls.insecureSkipVerify,
    });
    secure = { agent, tls };
    return agent;
  };

  return {
    agentFor: (url, tls) => (url.protocol === 'https:' ? secureAgent(tls) : plain),
    close() {
      retire(plain);
      if (secure !== null) retire(secure.agent);
    },
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
