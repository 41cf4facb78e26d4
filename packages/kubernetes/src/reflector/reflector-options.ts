import type { ApiClient } from '../http/api-client.ts';
import type { ResourceStoreHandlers } from './resource-store.ts';
import type { WatchedResource } from './resources.ts';

export interface ReflectorOptions {
  readonly client: ApiClient;
  readonly watched: WatchedResource;
  readonly streaming: StreamingSupport;
  readonly handlers: ResourceStoreHandlers;
  readonly log: (line: string) => void;
}

/** Whether lists are requested as a stream of watch events. One refusal applies to all resources. */
interface StreamingSupport {
  wanted: boolean;
}
