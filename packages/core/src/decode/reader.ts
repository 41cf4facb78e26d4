/**
 * Reading values of unknown shape. Decoders check only the fields that they use:
 * a missing or mistyped optional field reads as absent; an invalid required field is reported, and the part
 * that requires it is left out.
 */
import type { InputProblem, Resource } from '../input.ts';
import { objectKey, type ObjectKey } from '../model/service-port-name.ts';

export type Fields = Readonly<Record<string, unknown>>;

/** What a decoder returns. `value` is null if the proxy has no use for the object. */
export interface Decoded<T> {
  /** Null if not even the name could be read: then nothing is known to replace. */
  readonly key: ObjectKey | null;
  readonly value: T | null;
  readonly problems: readonly InputProblem[];
}

const NO_FIELDS: Fields = Object.freeze({});

/** DNS labels and subdomains: what Kubernetes allows as names. Anything else could break out of a rule's text. */
const DNS_NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;
const SHOWN = 60;

export function fields(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : NO_FIELDS;
}

export function items(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Empty if it is no string. */
export function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

export function isPortNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65535;
}

export function isDnsName(value: string): boolean {
  return DNS_NAME.test(value);
}

/**
 * Node objects have DNS names. A node outside of a cluster has its host name, which may hold capitals and underscores.
 */
const NODE_NAME = /^[A-Za-z0-9_]([-.A-Za-z0-9_]{0,251}[A-Za-z0-9_])?$/;

/** Whether the value is a node name: letters, digits, `-`, `.` and `_`, at most 253 characters. */
export function isNodeName(value: unknown): value is string {
  return typeof value === 'string' && NODE_NAME.test(value);
}

function render(value: unknown): string {
  const shown = value === undefined ? 'nothing' : (JSON.stringify(value) ?? 'nothing');
  return shown.length <= SHOWN ? shown : `${shown.slice(0, SHOWN - 1)}…`;
}

/** Collects the problems of one object. */
export interface ProblemLog {
  readonly found: readonly InputProblem[];
  /** `service`: the Service that the object belongs to. */
  add(field: string, value: unknown, reason: string, service?: ObjectKey): void;
}

function createProblemLog(resource: Resource, object: string): ProblemLog {
  const found: InputProblem[] = [];
  return {
    found,
    add: (field, value, reason, service) => {
      const problem = { resource, object, field, value: render(value), reason };
      found.push(service === undefined ? problem : { ...problem, service });
    },
  };
}

export interface Identity {
  readonly namespace: string;
  readonly name: string;
  readonly key: ObjectKey;
  readonly metadata: Fields;
  readonly log: ProblemLog;
}

/** Reads `metadata` of a namespaced object. A missing namespace is `default`, as everywhere in Kubernetes. */
export function namespacedIdentity(resource: Resource, object: unknown): Identity | Decoded<never> {
  const metadata = fields(fields(object)['metadata']);
  const namespace = text(metadata['namespace']) || 'default';
  const name = text(metadata['name']);
  const log = createProblemLog(resource, objectKey(namespace, name));
  if (!isDnsName(name)) log.add('metadata.name', metadata['name'], 'must be a DNS name');
  else if (!isDnsName(namespace)) log.add('metadata.namespace', namespace, 'must be a DNS name');
  else return { namespace, name, key: objectKey(namespace, name), metadata, log };
  return { key: null, value: null, problems: log.found };
}

/** The same for cluster-scoped objects; the key is the bare name. */
export function clusterIdentity(resource: Resource, object: unknown): Identity | Decoded<never> {
  const metadata = fields(fields(object)['metadata']);
  const name = text(metadata['name']);
  const log = createProblemLog(resource, name);
  if (name !== '') return { namespace: '', name, key: name, metadata, log };
  log.add('metadata.name', metadata['name'], 'must be a name');
  return { key: null, value: null, problems: log.found };
}
