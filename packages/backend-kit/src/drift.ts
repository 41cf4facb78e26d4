/** Differences between the kernel and the desired state as text, for logs, `/readyz` and `observe`. Pure. */
import type { Drift } from '@signalbox/core';

/** More lines than this help no reader. */
const LINES = 50;

/** `missing chain KUBE-SVC-ABC in table nat`. */
export function formatDrift({ kind, type, name, within }: Drift): string {
  const object = name === '' ? type : `${type} ${name}`;
  return within === undefined ? `${kind} ${object}` : `${kind} ${object} in ${within}`;
}

/** One line each, with the number of those that are left out. */
export function formatDriftList(drift: readonly Drift[]): readonly string[] {
  const lines = drift.slice(0, LINES).map(formatDrift);
  return drift.length > LINES ? [...lines, `and ${drift.length - LINES} more`] : lines;
}
