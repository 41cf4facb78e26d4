/**
 * One HTTP server for each Service with a healthCheckNodePort: load balancers ask it whether this node has
 * endpoints of the Service. Opened, changed and closed with each sync.
 */
import type { Server, ServerResponse } from 'node:http';
import type { DesiredHealthCheck, Family, ObjectKey } from '@signalbox/core';
import { createBoundedServer, onServerError, type Bounds } from './bounded-server.ts';
import { inOrder } from '../in-order.ts';
import type { Logger } from '../logging/logger.ts';
import { closeServer } from './listener.ts';

export interface ServiceHealthOptions {
  readonly family: Family;
  readonly logger: Logger;
  readonly bounds: Bounds;
  /** Whether the proxy itself keeps up; the node's eligibility does not count here. */
  readonly proxyHealthy: () => boolean;
  /** Where to listen now: `0.0.0.0` or `::`, or addresses of the node. */
  readonly addresses: () => readonly string[];
  /** A port could not be bound; it is tried again at the next `sync`. */
  readonly onBindError: (check: DesiredHealthCheck, error: Error) => void;
}

export interface ServiceHealth {
  sync(checks: ReadonlyMap<ObjectKey, DesiredHealthCheck>): Promise<void>;
  close(): Promise<void>;
}

interface Entry {
  check: DesiredHealthCheck;
  /** Address, port: what the servers were opened for. */
  readonly place: string;
  readonly servers: readonly Server[];
}

export function createServiceHealth(options: ServiceHealthOptions): ServiceHealth {
  const entries = new Map<ObjectKey, Entry>();
  let closed = false;
  // One after the other: `close` must not miss a server that does not listen yet.
  const alone = inOrder();
  const closeEntry = async (key: ObjectKey): Promise<void> => {
    const entry = entries.get(key);
    entries.delete(key);
    await Promise.all((entry?.servers ?? []).map(closeServer));
  };
  const apply = async (checks: ReadonlyMap<ObjectKey, DesiredHealthCheck>): Promise<void> => {
    const addresses = options.addresses();
    const placeOf = (check: DesiredHealthCheck): string => `${addresses.join()} ${check.port}`;
    const stale = [...entries].filter(([key, entry]) => {
      const wanted = checks.get(key);
      return wanted === undefined || placeOf(wanted) !== entry.place;
    });
    await Promise.all(stale.map(([key]) => closeEntry(key)));
    for (const [key, check] of checks) {
      if (closed) return;
      const known = entries.get(key);
      if (known !== undefined) known.check = check;
      else await open(options, entries, { check, place: placeOf(check), addresses });
    }
  };
  return {
    sync: (checks) => alone(() => (closed ? undefined : apply(checks))),
    close: async () => {
      closed = true;
      await alone(() => Promise.all([...entries.keys()].map(closeEntry)));
    },
  };
}

interface Wanted {
  readonly check: DesiredHealthCheck;
  readonly place: string;
  readonly addresses: readonly string[];
}

/** All of the Service's addresses, or none: half a health check would split a load balancer's view. */
async function open(
  options: ServiceHealthOptions,
  entries: Map<ObjectKey, Entry>,
  wanted: Wanted,
): Promise<void> {
  const { check, place, addresses } = wanted;
  const servers: Server[] = [];
  const entry: Entry = { check, place, servers };
  try {
    for (const address of addresses) {
      servers.push(
        await listen(options, { host: address, port: check.port }, (response) =>
          respond(response, entry, options),
        ),
      );
    }
    entries.set(check.key, entry);
  } catch (error) {
    await Promise.all(servers.map(closeServer));
    options.onBindError(check, error instanceof Error ? error : new Error(String(error)));
  }
}

function listen(
  { bounds, logger }: ServiceHealthOptions,
  place: { host: string; port: number },
  answer: (response: ServerResponse) => void,
): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createBoundedServer((_request, response) => answer(response), bounds);
    onServerError(server, logger, reject);
    server.listen({ ...place, ipv6Only: place.host.includes(':') }, () => resolve(server));
  });
}

function respond(response: ServerResponse, { check }: Entry, { proxyHealthy }: ServiceHealthOptions): void {
  const healthy = proxyHealthy();
  const { namespace, name, localEndpoints } = check;
  const body = { service: { namespace, name }, localEndpoints, serviceProxyHealthy: healthy };
  response.writeHead(localEndpoints > 0 && healthy ? 200 : 503, {
    'Content-Type': 'application/json',
    'X-Content-Type-Options': 'nosniff',
    'X-Load-Balancing-Endpoint-Weight': String(localEndpoints),
  });
  response.end(JSON.stringify(body, null, '\t'));
}
