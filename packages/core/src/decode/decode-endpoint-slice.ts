import {
  READY,
  SERVING,
  TERMINATING,
  type SliceEndpoint,
  type SliceModel,
  type SlicePort,
  type TopologyHints,
} from '../model/endpoint-slice.ts';
import { DEFAULT_WEIGHT } from '../model/balancing.ts';
import { FAMILIES, type Family } from '../model/family.ts';
import { canonicalAddress, familyOf } from '../model/ip.ts';
import { objectKey } from '../model/service-port-name.ts';
import { refusalOf } from '../model/special-address.ts';
import { readWeight } from './annotations.ts';
import { HEADLESS_LABEL, readProtocol } from './decode-service.ts';
import type { InternPool } from './intern.ts';
import {
  fields,
  isPortNumber,
  items,
  namespacedIdentity,
  text,
  type Decoded,
  type Fields,
  type ProblemLog,
} from './reader.ts';

const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';
const TRIGGER_TIME_ANNOTATION = 'endpoints.kubernetes.io/last-change-trigger-time';

/** F135: absent means true, true and false. */
function readConditions(endpoint: Fields): number {
  const { ready, serving, terminating } = fields(endpoint['conditions']);
  return (
    (ready === false ? 0 : READY) +
    (serving === false ? 0 : SERVING) +
    (terminating === true ? TERMINATING : 0)
  );
}

function hintNames(value: unknown): string[] {
  const names = items(value).map((hint) => text(fields(hint)['name']));
  return [...new Set(names.filter((name) => name !== ''))].sort();
}

function readHints(endpoint: Fields, pool: InternPool): TopologyHints | null {
  // Most endpoints have none, and there may be 100,000 of them.
  if (endpoint['hints'] === undefined) return null;
  const hints = fields(endpoint['hints']);
  const zones = hintNames(hints['forZones']);
  const nodes = hintNames(hints['forNodes']);
  return zones.length === 0 && nodes.length === 0 ? null : pool.hints(zones, nodes);
}

interface SliceReader {
  readonly family: Family;
  readonly pool: InternPool;
  readonly log: ProblemLog;
}

/** F135: the first address counts; the API guarantees that the others belong to the same pod. */
function decodeEndpoints(entries: readonly unknown[], reader: SliceReader): SliceEndpoint[] {
  const endpoints: SliceEndpoint[] = [];
  for (const [index, item] of entries.entries()) {
    const entry = fields(item);
    const first = items(entry['addresses'])[0];
    const address = canonicalAddress(text(first));
    const wrongFamily = address === null || familyOf(address) !== reader.family;
    const reason = wrongFamily ? `must be an ${reader.family} address` : refusalOf(address, 'endpoint');
    if (address === null || reason !== null) {
      reader.log.add(`endpoints[${index}].addresses[0]`, first, reason ?? '');
      continue;
    }
    endpoints.push({
      address,
      nodeName: reader.pool.text(text(entry['nodeName'])),
      conditions: readConditions(entry),
      hints: readHints(entry, reader.pool),
    });
  }
  return endpoints;
}

/** F135: entries without a port stand for every port, which no proxy can program. */
function decodePorts(entries: readonly unknown[], reader: SliceReader): SlicePort[] {
  const ports: SlicePort[] = [];
  for (const [index, item] of entries.entries()) {
    const { name, port, protocol: given } = fields(item);
    const protocol = readProtocol(given);
    if (port === undefined || port === null || port === 0) continue;
    if (!isPortNumber(port)) reader.log.add(`ports[${index}].port`, port, 'must be 1-65535');
    else if (protocol === null) {
      reader.log.add(`ports[${index}].protocol`, given, 'must be TCP, UDP or SCTP');
    } else ports.push({ name: reader.pool.text(text(name)), protocol, port });
  }
  return ports;
}

/** `triggerTime`: when the change that led to this version happened, in epoch milliseconds; null if the annotation is absent. */
export interface DecodedSlice extends Decoded<SliceModel> {
  readonly triggerTime: number | null;
}

function readTriggerTime(metadata: Fields): number | null {
  const time = Date.parse(text(fields(metadata['annotations'])[TRIGGER_TIME_ANNOTATION]));
  return Number.isNaN(time) ? null : time;
}

/** An EndpointSlice as parsed JSON. Slices of no service and of host names have no model. */
export function decodeEndpointSlice(object: unknown, pool: InternPool): DecodedSlice {
  const identity = namespacedIdentity('EndpointSlice', object);
  if (!('metadata' in identity)) return { ...identity, triggerTime: null };
  const { namespace, key, metadata, log } = identity;
  const labels = fields(metadata['labels']);
  const service = text(labels[SERVICE_NAME_LABEL]);
  const { addressType, endpoints, ports } = fields(object);
  const family = FAMILIES.find((known) => known === addressType);
  const ignored = HEADLESS_LABEL in labels || service === '';
  if (ignored || family === undefined) {
    if (!ignored && addressType !== 'FQDN') log.add('addressType', addressType, 'must be IPv4, IPv6 or FQDN');
    return { key, value: null, problems: log.found, triggerTime: null };
  }
  const reader: SliceReader = { family, pool, log };
  const owner = objectKey(namespace, service);
  const weight = readWeight(metadata, owner, log);
  // Copies: a list that was made by `push` has room for up to 17 more.
  const value: SliceModel = {
    key,
    service: owner,
    family,
    ports: decodePorts(items(ports), reader).slice(),
    endpoints: decodeEndpoints(items(endpoints), reader).slice(),
    ...(weight === DEFAULT_WEIGHT ? {} : { weight }),
  };
  return { key, value, problems: log.found, triggerTime: readTriggerTime(metadata) };
}
