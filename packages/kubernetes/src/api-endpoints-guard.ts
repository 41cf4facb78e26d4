/**
 * Keeps the API server reachable. Where it is reached through the Service `default/kubernetes`, whose rules come from
 * its own answers, an answer without endpoints would cut the connection that could correct it. The last endpoints stay
 * until such a state is a minute old.
 */
import { isIP } from 'node:net';

import type { Clock, ObjectEvent, Source, SourceHandlers } from '@signalbox/core';

import type { WireEndpointSlice, WireObject, WireService } from './wire.ts';

/** The API servers that must stay reachable, the clock of the hold time, and the log of `guardApiEndpoints`. */
export interface GuardOptions {
  /** Base URLs of the API server. */
  readonly servers: readonly string[];
  /** Measures the hold time. */
  readonly clock: Clock;
  /** Receives one line when the last endpoints are removed after the hold time. */
  readonly log: (line: string) => void;
}

export const HOLD_MS = 60_000;

const NAMESPACE = 'default';
const SERVICE = 'kubernetes';
const SERVICE_LABEL = 'kubernetes.io/service-name';
const DNS_NAME = /^kubernetes(\.default(\.svc(\..+)?)?)?$/;

/** What the API server last sent about the Service. */
interface Sent {
  service: WireService | null;
  /** Of the Service, also after its deletion. */
  addresses: readonly string[];
  readonly slices: Map<string, WireEndpointSlice>;
}

interface Guard {
  readonly options: GuardOptions;
  readonly handlers: SourceHandlers;
  readonly sent: Sent;
  /** Events not passed on, the newest of each object. */
  readonly held: Map<string, ObjectEvent>;
  /** What was passed on has an endpoint. */
  reachable: boolean;
  cancel: () => void;
}

/**
 * Returns a source that passes on the events of `source`. While an API server is reached through Service `default/kubernetes`, events
 * that leave the Service without usable endpoints are withheld for up to 60 s and reported as problem `api-endpoints-missing`.
 */
export function guardApiEndpoints(source: Source, options: GuardOptions): Source {
  let guard: Guard | null = null;
  return {
    start(handlers) {
      const started = createGuard(options, handlers);
      guard = started;
      source.start({
        onEvents: (events) => takeEvents(started, events),
        onSynced: (resource) => handlers.onSynced(resource),
        onProblem: (problem) => handlers.onProblem(problem),
      });
    },
    stop() {
      guard?.cancel();
      return source.stop();
    },
  };
}

function createGuard(options: GuardOptions, handlers: SourceHandlers): Guard {
  const sent = { service: null, addresses: [], slices: new Map() };
  return { options, handlers, sent, held: new Map(), reachable: false, cancel: () => undefined };
}

function takeEvents(guard: Guard, events: readonly ObjectEvent[]): void {
  const about = events.filter((event) => isAbout(guard.sent, event));
  if (about.length === 0) return guard.handlers.onEvents(events);
  for (const event of about) note(guard.sent, event);
  const hosts = hostsThroughService(guard);
  const has = hasEndpoint(guard.sent, hosts);
  if (has || !guard.reachable || hosts.length === 0) {
    const held = release(guard);
    guard.reachable = has;
    return guard.handlers.onEvents([...held, ...events]);
  }
  if (guard.held.size === 0) hold(guard);
  for (const event of about) {
    guard.held.delete(keyOf(event));
    guard.held.set(keyOf(event), event);
  }
  const others = events.filter((event) => !about.includes(event));
  if (others.length > 0) guard.handlers.onEvents(others);
}

function hold(guard: Guard): void {
  const { clock } = guard.options;
  const message = `Service ${NAMESPACE}/${SERVICE} has no endpoints, and the API server is reached through it`;
  guard.handlers.onProblem({
    code: 'api-endpoints-missing',
    message: `${message}; the last endpoints stay for ${HOLD_MS / 1000} s`,
  });
  guard.cancel = clock.schedule(HOLD_MS, () => {
    const held = release(guard);
    guard.reachable = false;
    guard.options.log(`${message}; the last endpoints are removed after ${HOLD_MS / 1000} s`);
    guard.handlers.onEvents(held);
  });
}

function release(guard: Guard): readonly ObjectEvent[] {
  guard.cancel();
  const held = [...guard.held.values()];
  guard.held.clear();
  return held;
}

function keyOf(event: ObjectEvent): string {
  return `${event.resource} ${nameOf(event)}`;
}

function nameOf(event: ObjectEvent): string {
  if (event.type === 'delete') return event.name;
  return (event.object as WireObject | null)?.metadata?.name ?? '';
}

function isAbout({ slices }: Sent, event: ObjectEvent): boolean {
  const metadata = event.type === 'upsert' ? (event.object as WireObject | null)?.metadata : undefined;
  const namespace = event.type === 'delete' ? event.namespace : metadata?.namespace;
  if (namespace !== NAMESPACE) return false;
  if (event.resource === 'Service') return nameOf(event) === SERVICE;
  if (event.resource !== 'EndpointSlice') return false;
  return metadata?.labels?.[SERVICE_LABEL] === SERVICE || slices.has(nameOf(event));
}

function note(sent: Sent, event: ObjectEvent): void {
  if (event.resource === 'Service') {
    sent.service = event.type === 'upsert' ? (event.object as WireService) : null;
    if (sent.service !== null) sent.addresses = addressesOf(sent.service).filter(Boolean);
    return;
  }
  const slice = event.type === 'upsert' ? (event.object as WireEndpointSlice) : null;
  if (slice?.metadata?.labels?.[SERVICE_LABEL] === SERVICE) sent.slices.set(nameOf(event), slice);
  else sent.slices.delete(nameOf(event));
}

interface Host {
  readonly name: string;
  /** `null`: a DNS name. */
  readonly addressType: 'IPv4' | 'IPv6' | null;
}

function hostOf(server: string): Host {
  const name = URL.canParse(server) ? new URL(server).hostname.replace(/^\[|\]$/g, '') : '';
  const family = isIP(name);
  return { name, addressType: family === 0 ? null : family === 4 ? 'IPv4' : 'IPv6' };
}

function addressesOf({ spec, status }: WireService): string[] {
  const ingress = (status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip ?? '');
  return [spec?.clusterIP ?? '', ...(spec?.clusterIPs ?? []), ...(spec?.externalIPs ?? []), ...ingress];
}

/** Hosts of the servers that are addresses or names of the Service. */
function hostsThroughService({ options, sent }: Guard): readonly Host[] {
  const leads = ({ name, addressType }: Host): boolean =>
    addressType === null ? DNS_NAME.test(name) : sent.addresses.includes(name);
  return options.servers.map(hostOf).filter(leads);
}

function hasEndpoint({ service, slices }: Sent, hosts: readonly Host[]): boolean {
  const isOfHost = (slice: WireEndpointSlice): boolean =>
    hosts.some(({ addressType }) => addressType === null || addressType === slice.addressType);
  const endpoints = [...slices.values()].filter(isOfHost).flatMap((slice) => slice.endpoints ?? []);
  return service !== null && endpoints.some(isUsable);
}

function isUsable({ addresses, conditions }: NonNullable<WireEndpointSlice['endpoints']>[number]): boolean {
  const serves = conditions?.ready !== false || conditions.serving === true;
  return serves && (addresses?.length ?? 0) > 0;
}
