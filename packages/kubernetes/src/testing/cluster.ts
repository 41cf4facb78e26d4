/** The interface of a cluster for the suites: the one in memory, or a real one. */
import type { Resource } from '@signalbox/core';

import type { ClusterConfig } from '../config/cluster-config.ts';
import type { WireObject } from '../wire.ts';
import { plainConfig } from './plain-config.ts';
import { createTestApiServer } from './test-api-server.ts';

export interface Cluster {
  /** With the rights of kube-proxy, and no others. */
  readonly config: ClusterConfig;
  create(object: WireObject): Promise<void>;
  delete(resource: Resource, namespace: string, name: string): Promise<void>;
  /** Stops the API server, deletes its history, and starts it again. `meanwhile` runs in between. */
  restart(meanwhile: () => Promise<void>): Promise<void>;
  /** Names of the events about this object. */
  eventsAbout(name: string): Promise<readonly string[]>;
  close(): Promise<void>;
}

export async function createMemoryCluster(): Promise<Cluster> {
  const server = await createTestApiServer();
  return {
    config: plainConfig([server.url]),
    create: (object) => Promise.resolve(void server.put(object)),
    delete: (resource, namespace, name) => Promise.resolve(void server.delete(resource, namespace, name)),
    async restart(meanwhile) {
      await server.stop();
      await meanwhile();
      server.store.compact();
      await server.start();
    },
    eventsAbout: (name) =>
      Promise.resolve(
        server.events.filter(({ regarding }) => regarding?.name === name).map(({ reason }) => reason ?? ''),
      ),
    close: server.stop,
  };
}
