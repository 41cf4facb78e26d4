/** Input of the core: API objects as sources deliver them, undecoded, and the problems found in them. */
import type { Family } from './model/family.ts';

/** Kinds of API objects that the model reads. */
export type Resource = 'Service' | 'EndpointSlice' | 'Node' | 'ServiceCIDR';

/** Every kind of `Resource`. */
export const RESOURCES: readonly Resource[] = ['Service', 'EndpointSlice', 'Node', 'ServiceCIDR'];

/** One observed change. `object` is the API object as parsed JSON or YAML; the core decodes it and keeps no reference. */
export type ObjectEvent =
  | {
      readonly type: 'upsert';
      readonly resource: Resource;
      readonly object: unknown;
      /** Where it was read, for messages: `shop.yaml: document 2 (line 14)`. Absent for objects of an API server. */
      readonly origin?: string;
    }
  | {
      readonly type: 'delete';
      readonly resource: Resource;
      /** Empty for cluster-scoped objects. */
      readonly namespace: string;
      readonly name: string;
    };

/** Why an object, or a part of it, was left out. Only that part is affected. */
export interface InputProblem {
  readonly resource: Resource;
  /** `namespace/name`, as far as it could be read. */
  readonly object: string;
  /** `spec.ports[0].port`; empty when the object as a whole is the problem. */
  readonly field: string;
  /** What was found there, rendered short. */
  readonly value: string;
  /** What is allowed, or why the value is not used: `must be 1-65535`. */
  readonly reason: string;
  /** Of an annotation of an EndpointSlice: `namespace/name` of the Service. */
  readonly service?: string;
}

/** One line for a log: `Service shop/web.spec.ports[0].port: invalid value 0: must be 1-65535`. */
export function formatInputProblem(problem: InputProblem): string {
  const where = problem.field === '' ? '' : `.${problem.field}`;
  return `${problem.resource} ${problem.object}${where}: invalid value ${problem.value}: ${problem.reason}`;
}

/** Receives the events and problems of a source. Calls are synchronous and must not throw. */
export interface SourceHandlers {
  /** Objects that were added, changed or deleted, in the order of the changes. */
  onEvents(events: readonly ObjectEvent[]): void;
  /** The first complete set of this resource has been delivered. Called once per resource. */
  onSynced(resource: Resource): void;
  /** A problem for the operator: a bad document, a lost connection. The source continues by itself. */
  onProblem(problem: SourceProblem): void;
}

/** A problem of a source as a whole, such as a lost connection or a file that cannot be read. */
export interface SourceProblem {
  /** `file-unreadable`, `bad-document`, `connection-lost`, `unauthorized`, …: the source documents its codes. */
  readonly code: string;
  /** One line that names the cause. */
  readonly message: string;
}

/** Where objects come from. */
export interface Source {
  /** Begins to deliver events to `handlers`. */
  start(handlers: SourceHandlers): void;
  /** Ends the delivery of events; resolves when the source has ended its work. */
  stop(): Promise<void>;
}

/** An address of one of the node's interfaces, as the operating system reports it. */
export interface InterfaceAddress {
  /** Name of the network interface: `eth0`. */
  readonly interface: string;
  readonly family: Family;
  readonly address: string;
}
