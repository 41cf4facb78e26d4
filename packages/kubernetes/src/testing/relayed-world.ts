/** A source that watches a test API server through a TCP load balancer. */
import type { TestCertificates } from './certificates.ts';
import { plainConfig } from './plain-config.ts';
import type { Relay } from './relay.ts';
import { service, type Stage, type Watching } from './stage.ts';
import type { TestApiServer } from './test-api-server.ts';

export interface RelayedWorld {
  readonly server: TestApiServer;
  readonly relay: Relay;
  readonly watching: Watching;
}

interface RelayedOptions {
  /** `null`: plain http. */
  readonly certificates: TestCertificates | null;
  readonly lists: 'auto' | 'listed';
}

/** Service `a` was received, and all watches are open. */
export async function createRelayedWorld(
  stage: Stage,
  { certificates, lists }: RelayedOptions,
): Promise<RelayedWorld> {
  const server = await stage.serve(certificates === null ? {} : { tls: certificates.server });
  server.put(service('a'));
  const relay = await stage.relay(server);
  const ca = certificates === null ? null : ({ from: 'data', pem: certificates.ca } as const);
  const config = plainConfig([`${certificates === null ? 'http' : 'https'}://127.0.0.1:${relay.port}`], {
    tls: { ca, insecureSkipVerify: false, serverName: null },
  });
  const watching = stage.watch([server], { config, lists });
  await watching.synced();
  await watching.watched();
  return { server, relay, watching };
}
