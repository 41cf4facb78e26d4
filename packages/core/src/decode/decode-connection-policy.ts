import {
  CHECK_INTERVAL_ANNOTATION,
  CONNECTION_ANNOTATIONS,
  LONGEST_TIMEOUT,
  type ConnectionPolicy,
} from '../model/connection-policy.ts';
import { formatDuration, parseDuration } from '../model/duration.ts';
import { annotationField, annotationOf, readWord, type WordAnnotation } from './annotations.ts';
import type { Fields, ProblemLog } from './reader.ts';

type Limit = Exclude<keyof ConnectionPolicy, 'checkInterval'>;

interface Reader {
  /** What is allowed, for the message. */
  readonly allowed: string;
  /** `null`: not allowed. */
  readonly read: (value: string) => number | null;
}

const MOST = 2 ** 31 - 1;

function count(least: number): Reader {
  return {
    allowed: `a whole number from ${least} to ${MOST}`,
    read: (value) => {
      const number = /^\d{1,10}$/.test(value) ? Number(value) : Number.NaN;
      return number >= least && number <= MOST ? number : null;
    },
  };
}

function duration(least: number): Reader {
  return {
    allowed: `a duration from ${formatDuration(least)} to ${formatDuration(LONGEST_TIMEOUT)}, as in 1m30s`,
    read: (value) => {
      const milliseconds = parseDuration(value);
      const fits = milliseconds !== null && milliseconds >= least && milliseconds <= LONGEST_TIMEOUT;
      return fits ? Math.round(milliseconds) : null;
    },
  };
}

const LIMITS: readonly (readonly [Limit, Reader])[] = [
  ['maxConnections', count(1)],
  ['maxPendingConnects', count(1)],
  ['maxRetries', count(0)],
  ['connectTimeout', duration(1)],
  ['idleTimeout', duration(1)],
  ['outlierFailures', count(0)],
];

const CHECKS: WordAnnotation<'tcp'> = {
  name: CONNECTION_ANNOTATIONS.checkInterval,
  words: ['tcp'],
  reason: reasonOf('tcp'),
};
const DEFAULT_INTERVAL = 10_000;
/** Each check is a connection to each endpoint from each node. */
const SHORTEST_INTERVAL = 100;
const CHECK_INTERVAL = { annotation: CHECK_INTERVAL_ANNOTATION, reader: duration(SHORTEST_INTERVAL) };

/** A value that is not allowed is reported, and the default of the mode is used. Null: no annotation has an effect. */
export function decodeConnectionPolicy(metadata: Fields, log: ProblemLog): ConnectionPolicy | null {
  const policy: { -readonly [Name in keyof ConnectionPolicy]: ConnectionPolicy[Name] } = {};
  for (const [field, reader] of LIMITS) {
    const annotation = CONNECTION_ANNOTATIONS[field];
    const value = read(metadata, { annotation, reader }, log);
    if (value !== null) policy[field] = value;
  }
  const interval = checkInterval(metadata, log);
  if (interval !== null) policy.checkInterval = interval;
  return Object.keys(policy).length === 0 ? null : policy;
}

function checkInterval(metadata: Fields, log: ProblemLog): number | null {
  const interval = read(metadata, CHECK_INTERVAL, log) ?? DEFAULT_INTERVAL;
  return readWord(metadata, CHECKS, log) === null ? null : interval;
}

function read(
  metadata: Fields,
  { annotation, reader }: { readonly annotation: string; readonly reader: Reader },
  log: ProblemLog,
): number | null {
  const value = annotationOf(metadata, annotation);
  if (value === null) return null;
  const number = typeof value === 'string' ? reader.read(value) : null;
  if (number === null) log.add(annotationField(annotation), value, reasonOf(reader.allowed));
  return number;
}

function reasonOf(allowed: string): string {
  return `must be ${allowed}: the default is used`;
}
