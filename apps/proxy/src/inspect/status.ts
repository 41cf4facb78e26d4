import {
  type DesiredServicePort,
  type DesiredState,
  type Family,
  type Model,
  servedNodePortIPs,
  serviceOf,
} from '@signalbox/core';
import type { Parts } from '../parts.ts';
import { SIGNALBOX_VERSION } from '../version/version.ts';
import type { FamilyStatus, StatusAnswer } from './answers.ts';
import { refusedBy } from './refused-by.ts';

export interface StatusSources {
  readonly parts: Parts;
  /** The conditions that the first sync waits for; empty when it may run. */
  readonly waitingFor: () => readonly string[];
  /** Epoch milliseconds. */
  readonly startedAt: number;
}

function familyStatus(parts: Parts, family: Family): FamilyStatus {
  const { model, health, syncs } = parts;
  const { counts, node } = model.state(family);
  return {
    family,
    healthy: health.health().status[family]?.healthy ?? true,
    verified: !health.notReady().includes(family),
    servicePorts: counts.servicePorts,
    endpoints: counts.endpoints,
    nodePortAddresses: servedNodePortIPs(node, family),
    refused: refusedBy(parts, family),
    repaired: syncs.repaired(family),
    lastSync: syncs.last(family),
  };
}

/** A server sends a bookmark about once a minute, and ends each watch within ten minutes. */
const STALE_SECONDS = 900;

/** S23: nothing usable on any node. */
function isWithoutEndpoints({ frontends }: DesiredServicePort): boolean {
  return frontends.some(({ routes }) => routes.every(({ target }) => target === 'reject'));
}

function servicesWhere(
  states: readonly DesiredState[],
  matches: (servicePort: DesiredServicePort) => boolean,
): number {
  const found = new Set<string>();
  for (const { servicePorts } of states) {
    for (const servicePort of servicePorts.values()) {
      if (matches(servicePort)) found.add(serviceOf(servicePort.key));
    }
  }
  return found.size;
}

function serviceCounts(model: Model, families: readonly FamilyStatus[]): StatusAnswer['services'] {
  const states = families.map(({ family }) => model.state(family));
  const refused = new Set(families.flatMap((family) => family.refused.map(({ key }) => serviceOf(key))));
  return {
    total: [...model.services()].length,
    programmed: servicesWhere(states, () => true),
    refused: refused.size,
    withoutEndpoints: servicesWhere(states, isWithoutEndpoints),
    conflicting: new Set(model.conflicts().map(({ object }) => object)).size,
  };
}

function familyProblems({ family, healthy, refused, lastSync }: FamilyStatus): string[] {
  const [first] = refused;
  const error = lastSync?.error ?? null;
  const more = refused.length > 1 ? ` and ${refused.length - 1} more` : '';
  return [
    error === null ? '' : `${family}: the last sync failed: ${error.operation}: ${error.message}`,
    first === undefined
      ? ''
      : `${family}: ${first.key}${more} not programmed: ${first.operation}: ${first.message}`,
    healthy ? '' : `${family}: changes have waited for longer than two sync periods`,
  ].filter((problem) => problem !== '');
}

function apiStatus({ bundle, composition }: Parts): StatusAnswer['api'] {
  const connections = bundle.connections?.() ?? null;
  if (connections === null) return null;
  const now = composition.clock.now();
  const resources = connections.map(({ resource, lastContact, error }) => ({
    resource,
    lastContact: lastContact === null ? null : new Date(lastContact).toISOString(),
    ageSeconds: lastContact === null ? null : Math.max(0, Math.round((now - lastContact) / 1000)),
    error,
  }));
  return { connected: !resources.some(isBroken), resources };
}

type Connection = NonNullable<StatusAnswer['api']>['resources'][number];

function isBroken({ error, ageSeconds }: Connection): boolean {
  return error !== null || (ageSeconds ?? 0) > STALE_SECONDS;
}

function apiProblems(api: StatusAnswer['api']): string[] {
  const first = api?.resources.find(isBroken);
  if (first === undefined) return [];
  const { lastContact, ageSeconds, error, resource } = first;
  const since = lastContact === null ? 'no answer since the start' : `last contact ${ageSeconds ?? 0} s ago`;
  return [`No connection to the API server (${since}): ${error ?? `the watch of ${resource}s is silent`}`];
}

export function statusAnswer({ parts, waitingFor, startedAt }: StatusSources): StatusAnswer {
  const families = parts.families.map((family) => familyStatus(parts, family));
  const objects = waitingFor();
  const unverified = families.filter(({ verified }) => !verified);
  const waits = [
    ...objects,
    ...(objects.length > 0 ? [] : unverified.map(({ family }) => `verification of the first ${family} sync`)),
  ];
  const api = apiStatus(parts);
  const problems = [...families.flatMap(familyProblems), ...apiProblems(api)];
  const settled = waits.length === 0 ? 'ready' : 'waiting';
  return {
    mode: parts.running.settings.config.mode,
    node: parts.settings.nodeName,
    version: SIGNALBOX_VERSION,
    startedAt: new Date(startedAt).toISOString(),
    state: problems.length > 0 ? 'degraded' : settled,
    waitingFor: waits,
    problems,
    families,
    services: serviceCounts(parts.model, families),
    api,
  };
}
