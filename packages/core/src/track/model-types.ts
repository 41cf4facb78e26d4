import type { DesiredChange } from '../desired/desired-change.ts';
import type { DesiredState } from '../desired/desired-state.ts';
import type { InputProblem, InterfaceAddress, ObjectEvent } from '../input.ts';
import type { Family } from '../model/family.ts';
import type { ObjectKey } from '../model/service-port-name.ts';
import type { ModelConfig, NodeView } from '../model/model-config.ts';
import type { TrackedService } from './tracked-service.ts';

/** Counts of what happened between two builds, for metrics. */
export interface ChangeCounts {
  readonly services: number;
  readonly endpointSlices: number;
}

/** Result of `build` and `rebuild`. */
export interface Built {
  readonly change: DesiredChange;
  /** The state after the change. A live view: it shows later builds too. */
  readonly state: DesiredState;
  /** Epoch milliseconds of `last-change-trigger-time` of the slices in this change (for the latency metric). */
  readonly triggerTimes: readonly number[];
}

/**
 * All rules of Kubernetes Services for one node: objects in, changes of desired state out.
 * Synchronous and pure: no clock, no randomness, no I/O. The cost of `apply` and `build` is in proportion to
 * the services that an event touches.
 */
export interface Model {
  /**
   * Records one event. Problems name what was left out; the rest of the object is used. Of a Service or an EndpointSlice, those
   * that its last version had too are not returned again.
   */
  apply(event: ObjectEvent): readonly InputProblem[];
  /**
   * Frontends left out because another Service has the address now (S28). Not part of `apply`: while a new list comes
   * in, Services that are gone are still there. The same array until it changes.
   */
  conflicts(): readonly InputProblem[];
  /** Replaces the configuration; the next `build` applies it to all objects. */
  configure(config: ModelConfig): void;
  /** The node's own addresses now (for node ports). */
  setInterfaceAddresses(addresses: readonly InterfaceAddress[]): void;
  /** Whether `build` would return anything but an empty change. */
  hasPending(family: Family): boolean;
  /** Counts of changes not yet built. */
  pending(): ChangeCounts;
  /** The step from the previous `build` of this family to now; the first one is full. */
  build(family: Family): Built;
  /** Everything, as a full change; also counts as a build. */
  rebuild(family: Family): Built;
  /** The state of the last build, as a live view; no service ports before the first one. */
  state(family: Family): DesiredState;
  /** This node as its Node object and the configuration describe it now. */
  node(): NodeView;
  /** What is known of one Service now, served or not, for `describeService`. Computed at each call. */
  tracked(service: ObjectKey): TrackedService;
  /** Of all Services, served or not, in no order. Read it to its end at once. */
  services(): Iterable<ObjectKey>;
  /** Of all endpoints in EndpointSlices, ready or not, with or without their Service. Read it to its end at once. */
  endpointAddresses(family: Family): Iterable<string>;
}
