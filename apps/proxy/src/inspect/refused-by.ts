import type { Family } from '@signalbox/core';
import type { Parts } from '../parts.ts';
import type { FailureAnswer } from './answers.ts';
import { failureAnswer } from './sync-history.ts';

/** Service ports that the kernel or its tool refused, and node ports that could not be opened at a loopback address. */
export function refusedBy({ syncs, running }: Parts, family: Family): readonly FailureAnswer[] {
  const local = running.loops.get(family)?.localFailures() ?? [];
  return [...syncs.failures(family), ...local.map((failure) => failureAnswer(family, failure))];
}
