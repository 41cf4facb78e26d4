import type { Clock, Source, SourceHandlers, SourceProblem } from '@signalbox/core';

import type { ClusterConfig } from './config/cluster-config.ts';
import { createApiClient, type ApiClient } from './http/api-client.ts';
import type { WatchConnection } from './reflector/contact.ts';
import { startReflector, type Reflector } from './reflector/reflector.ts';
import { watchedResources } from './reflector/resources.ts';

/** Options of `createKubernetesSource`; `clock`, `qps` and `burst` are those of `ApiClientOptions`. */
export interface KubernetesSourceOptions {
  /** Servers, TLS and credentials. */
  readonly config: ClusterConfig;
  /** The only Node that is watched. */
  readonly nodeName: string;
  /** Default: the system clock. */
  readonly clock?: Clock;
  /** Requests a second; 0: 5; negative: no limit. */
  readonly qps?: number;
  /** Requests at once; 0: 10. */
  readonly burst?: number;
  /** `signalbox/1.2.3` */
  readonly userAgent?: string;
  /** Requested format of objects: protobuf unless something else is given. JSON is always accepted. */
  readonly contentType?: string;
  /** From sending a request to the head of its answer; 30 s unless something else is given. */
  readonly answerWithinMs?: number;
  /** `auto`: streamed if the server can (`sendInitialEvents`), else listed. */
  readonly lists?: 'auto' | 'listed';
  /** One line for each complete list and each recovery. */
  readonly log?: (line: string) => void;
  /** Shared with an event recorder; stays open after `stop`. Takes the place of the options about requests. */
  readonly client?: ApiClient;
}

/** A source that also reports the state of its watches. */
export interface KubernetesSource extends Source {
  /** Of each resource that is watched; empty before `start`. */
  connections(): readonly WatchConnection[];
}

/**
 * Services, EndpointSlices, the one Node and the ServiceCIDRs of a cluster. Codes of its problems are those of
 * `ApiErrorCode`, and `handler-failed`. Whatever the API server does, only objects that it reports as deleted are removed.
 */
export function createKubernetesSource(options: KubernetesSourceOptions): KubernetesSource {
  const client = options.client ?? createApiClient(options);
  let reflectors: readonly Reflector[] | null = null;
  return {
    start(handlers) {
      reflectors ??= startAll(options, client, handlers);
    },
    async stop() {
      await Promise.all((reflectors ?? []).map((reflector) => reflector.stop()));
      if (options.client === undefined) client.close();
    },
    connections: () => (reflectors ?? []).map((reflector) => reflector.connection()),
  };
}

function startAll(
  { nodeName, lists, log = () => undefined }: KubernetesSourceOptions,
  client: ApiClient,
  handlers: SourceHandlers,
): readonly Reflector[] {
  const streaming = { wanted: lists !== 'listed' };
  const bound = {
    onEvents: handlers.onEvents.bind(handlers),
    onSynced: handlers.onSynced.bind(handlers),
    onProblem: (problem: SourceProblem) => emitProblem(handlers, problem),
  };
  return watchedResources(nodeName).map((watched) =>
    startReflector({ client, watched, streaming, handlers: bound, log }),
  );
}

/** An exception of the handler of problems cannot be reported to it. */
function emitProblem(handlers: SourceHandlers, problem: SourceProblem): void {
  try {
    handlers.onProblem(problem);
  } catch {
    // See above.
  }
}
