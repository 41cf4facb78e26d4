/** From one service port to everything the kernel must hold because of it. */
import type { DesiredHealthCheck, DesiredServicePort, Frontend } from '@signalbox/core';
import { entryText } from '../objects/ip-set.ts';
import { virtualServerKey, type VirtualServerKey } from '../objects/virtual-server.ts';
import type { SetId } from './names.ts';
import type { CompileContext } from './compile-context.ts';
import type { PlacedEntry } from './ip-sets.ts';
import { hairpinEntries } from './hairpin.ts';
import { healthCheckEntry } from './health-check.ts';
import { externalMasquerade } from './masquerade.ts';
import { nodePortEntries } from './node-ports.ts';
import { blockedSources } from './no-endpoints.ts';
import { fallsBackToCluster } from './real-servers.ts';
import { guardEntries } from './source-ranges.ts';
import { frontendPorts, desiredServers, type FrontendPort, type DesiredServer } from './virtual-servers.ts';

/** `CLUSTER-IP 10.96.0.10,tcp:80`: identity of a set entry over all sets. */
type PlacedEntryKey = string;

/** The share of one owner (a service port or a health check) in the whole. Several may want the same object. */
export interface Contribution {
  readonly servers: ReadonlyMap<VirtualServerKey, DesiredServer>;
  readonly entries: ReadonlyMap<PlacedEntryKey, PlacedEntry>;
  readonly addresses: readonly string[];
}

function placedEntryKey({ set, entry }: PlacedEntry): PlacedEntryKey {
  return `${set} ${entryText(entry)}`;
}

export function compileServicePort(servicePort: DesiredServicePort, context: CompileContext): Contribution {
  const servers = new Map<VirtualServerKey, DesiredServer>();
  const entries = new Map<PlacedEntryKey, PlacedEntry>();
  // The first role of an entry counts: what forbids is listed first.
  const place = (placed: PlacedEntry): void => {
    const key = placedEntryKey(placed);
    if (!entries.has(key)) entries.set(key, placed);
  };
  hairpinEntries(servicePort).forEach(place);
  for (const frontend of servicePort.frontends) {
    for (const desired of desiredServers(servicePort, frontend, context)) {
      const key = virtualServerKey(desired.server);
      if (!servers.has(key)) servers.set(key, desired);
    }
    frontendEntries(servicePort, frontend, context).forEach(place);
  }
  return {
    servers,
    entries,
    addresses: serviceAddresses(servicePort),
  };
}

export function compileHealthCheck(check: DesiredHealthCheck): Contribution {
  const placed = healthCheckEntry(check);
  return {
    servers: new Map(),
    entries: new Map([[placedEntryKey(placed), placed]]),
    addresses: [],
  };
}

function frontendEntries(
  servicePort: DesiredServicePort,
  frontend: Frontend,
  context: CompileContext,
): readonly PlacedEntry[] {
  const ports = frontendPorts(servicePort, frontend, context);
  const fallback = fallsBackToCluster(servicePort, frontend, context.localPolicyFallback);
  const masquerade = fallback ? 'always' : externalMasquerade(frontend);
  const blocked = fallback ? 'none' : blockedSources(frontend);
  return [
    ...ports.flatMap((port) => guardEntries(port, frontend, blocked)),
    ...(frontend.kind === 'node-port'
      ? nodePortEntries(ports, masquerade)
      : frontendSets(frontend, masquerade).flatMap((set) => ports.map((port) => placed(set, port)))),
  ];
}

function frontendSets(
  frontend: Exclude<Frontend, { kind: 'node-port' }>,
  masquerade: 'always' | 'from-node',
): readonly SetId[] {
  switch (frontend.kind) {
    case 'cluster-ip':
      return ['CLUSTER-IP'];
    case 'external-ip':
      return masquerade === 'always' ? ['EXTERNAL-IP'] : ['EXTERNAL-IP-LOCAL'];
    case 'load-balancer':
      return masquerade === 'always' ? ['LOAD-BALANCER'] : ['LOAD-BALANCER', 'LOAD-BALANCER-LOCAL'];
  }
}

function placed(set: SetId, port: FrontendPort): PlacedEntry {
  return { set, entry: { kind: 'address-port', ...port } };
}

/** Addresses that must be this host's own, so that IPVS sees packets to them. Never those of node ports. */
function serviceAddresses(servicePort: DesiredServicePort): readonly string[] {
  const addresses = servicePort.frontends.flatMap((frontend) =>
    frontend.kind === 'node-port' ? [] : [frontend.address],
  );
  return [...new Set(addresses)];
}
