/** Sets as `ipset save` prints them, without what differs from one load to the next (bucketsize, initval). */
import type { IpSet, IpSetEntryText } from '../objects/ip-set.ts';
import type { ObservedSet } from '../objects/kernel-state.ts';

/** Kernel default of a hash's buckets: grows by itself. */
const HASH_SIZE = 1024;

/** Sets in the order given, entries sorted as text. */
export function formatSets(sets: Iterable<ObservedSet>): string {
  return [...sets]
    .map(({ set, entries }) => {
      const lines = [...entries.keys()].map((text) => `${entryLine(set.name, text)}\n`);
      return `${createLine(set)}\n${lines.sort().join('')}`;
    })
    .join('');
}

export function entryLine(set: string, text: IpSetEntryText): string {
  return `add ${set} ${text}`;
}

export function createLine({ name, type, family, maxElements }: IpSet): string {
  if (family === null) return `create ${name} ${type} range 0-65535`;
  const inet = family === 'IPv4' ? 'inet' : 'inet6';
  return `create ${name} ${type} family ${inet} hashsize ${HASH_SIZE} maxelem ${maxElements}`;
}
