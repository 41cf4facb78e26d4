/** Annotations that Signalbox defines. An invalid value is reported, and the object is used with the default. */
import {
  BALANCING_ALGORITHMS,
  DEFAULT_WEIGHT,
  LOAD_BALANCING_ANNOTATION,
  MAX_WEIGHT,
  WEIGHT_ANNOTATION,
  type BalancingAlgorithm,
} from '../model/balancing.ts';
import type { ObjectKey } from '../model/service-port-name.ts';
import { fields, type Fields, type ProblemLog } from './reader.ts';

/** `null`: absent. */
export function annotationOf(metadata: Fields, name: string): unknown {
  return fields(metadata['annotations'])[name] ?? null;
}

/** An annotation whose value is one of some words. */
export interface WordAnnotation<T> {
  readonly name: string;
  readonly words: readonly T[];
  /** Of the problem with any other value. */
  readonly reason: string;
}

/** `null`: absent, or none of the words. */
export function readWord<T extends string>(
  metadata: Fields,
  { name, words, reason }: WordAnnotation<T>,
  log: ProblemLog,
): T | null {
  const value = annotationOf(metadata, name);
  const found = words.find((word) => word === value) ?? null;
  if (found === null && value !== null) log.add(annotationField(name), value, reason);
  return found;
}

const LOAD_BALANCING: WordAnnotation<BalancingAlgorithm> = {
  name: LOAD_BALANCING_ANNOTATION,
  words: BALANCING_ALGORITHMS,
  reason: `must be ${BALANCING_ALGORITHMS.join(', ')}: the default of the proxy mode is used`,
};

/** `null`: the default of the proxy mode. */
export function readLoadBalancing(metadata: Fields, log: ProblemLog): BalancingAlgorithm | null {
  return readWord(metadata, LOAD_BALANCING, log);
}

/** `service`: the Service of the slice. */
export function readWeight(metadata: Fields, service: ObjectKey, log: ProblemLog): number {
  const value = annotationOf(metadata, WEIGHT_ANNOTATION);
  if (value === null) return DEFAULT_WEIGHT;
  const weight = typeof value === 'string' && /^[1-9]\d{0,2}$/.test(value) ? Number(value) : 0;
  if (weight >= 1 && weight <= MAX_WEIGHT) return weight;
  const reason = `must be a whole number from 1 to ${MAX_WEIGHT}, as a string: ${DEFAULT_WEIGHT} is used`;
  log.add(annotationField(WEIGHT_ANNOTATION), value, reason, service);
  return DEFAULT_WEIGHT;
}

export function annotationField(name: string): string {
  return `metadata.annotations[${name}]`;
}
