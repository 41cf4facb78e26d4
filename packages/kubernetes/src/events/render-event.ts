/** ClusterEvent → the object that is posted. Pure. */
import type { WireEvent } from '../wire.ts';
import type { ClusterEvent } from './cluster-event.ts';

export interface Reporter {
  readonly reportingInstance: string;
  readonly reportingController?: string;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** At least 0, less than 1: two events of one millisecond need two names. */
  readonly random: number;
}

/** Limits of the API: longer ones are refused. */
const NOTE_LIMIT = 1024;
const WORD_LIMIT = 128;

export function renderEvent(event: ClusterEvent, reporter: Reporter): WireEvent {
  const { regarding, type, reason, action, note } = event;
  const microseconds = Math.floor(reporter.random * 1000);
  const time = new Date(reporter.now).toISOString().replace('Z', `${String(microseconds).padStart(3, '0')}Z`);
  const suffix = (
    BigInt(reporter.now) * 1_000_000n +
    BigInt(Math.floor(reporter.random * 1_000_000))
  ).toString(16);
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    // Events about cluster-scoped objects are in namespace `default`.
    metadata: {
      name: `${regarding.name ?? 'unknown'}.${suffix}`,
      namespace: regarding.namespace ?? 'default',
    },
    eventTime: time,
    reportingController: reporter.reportingController ?? 'kube-proxy',
    reportingInstance: cut(reporter.reportingInstance, WORD_LIMIT),
    type,
    reason: cut(reason, WORD_LIMIT),
    action: cut(action, WORD_LIMIT),
    note: cut(note, NOTE_LIMIT),
    regarding,
  };
}

/** In bytes, and never in the middle of a character. */
function cut(text: string, limit: number): string {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length <= limit) return text;
  return bytes.toString('utf8', 0, limit).replace(/\uFFFD+$/, '');
}
