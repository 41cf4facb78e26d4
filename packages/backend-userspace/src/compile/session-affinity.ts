/** Which endpoint a client used last, for `sessionAffinity: ClientIP`. Pure: time is an argument. */
import type { DesiredEndpoint, SessionAffinity } from '@signalbox/core';
import { endpointName } from '../balance/endpoint-name.ts';
import type { SessionStore } from '../balance/session-store.ts';

export interface AffinityTable {
  /** The endpoint of the last connection of the client, if it is within the timeout and the endpoint is one of `endpoints`. */
  find(client: AffinityClient, endpoints: readonly DesiredEndpoint[]): DesiredEndpoint | null;
  remember(client: AffinityClient, endpoint: DesiredEndpoint): void;
}

interface AffinityClient {
  readonly client: string;
  readonly affinity: SessionAffinity;
  readonly now: number;
}

export function createAffinityTable(sessions: SessionStore): AffinityTable {
  return {
    find({ client, affinity, now }, endpoints) {
      const session = sessions.get(client);
      if (session === undefined || now - session.usedAt >= timeoutOf(affinity)) return null;
      return endpoints.find((each) => endpointName(each) === session.endpoint) ?? null;
    },
    remember({ client, affinity, now }, endpoint) {
      sessions.set(client, { endpoint: endpointName(endpoint), usedAt: now }, timeoutOf(affinity));
    },
  };
}

function timeoutOf({ timeoutSeconds }: SessionAffinity): number {
  return timeoutSeconds * 1000;
}
