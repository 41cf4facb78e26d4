import type { ObjectReference } from '../wire.ts';

/** What happened, in the words of `events.k8s.io/v1`. */
export interface ClusterEvent {
  readonly type: 'Normal' | 'Warning';
  /** `Starting`: one word, machine-readable. */
  readonly reason: string;
  /** `StartKubeProxy`: what was being done. */
  readonly action: string;
  /** Human-readable; may be empty. */
  readonly note: string;
  /** The object of the event. Without a namespace the event is created in namespace `default`. */
  readonly regarding: ObjectReference;
}
