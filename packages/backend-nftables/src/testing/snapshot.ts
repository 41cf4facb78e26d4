/** A table as text that does not depend on how it came to be: slots are numbered anew in the order of the endpoints. */
import { ENDPOINT_MAPS } from '../objects/ruleset.ts';

export interface SnapshotInput {
  readonly chains: Iterable<readonly [string, readonly string[]]>;
  readonly elements: Iterable<readonly [string, ReadonlyMap<string, string>]>;
}

export function snapshotText({ chains, elements }: SnapshotInput): string {
  const chainLines = [...chains].map(([name, rules]) => [`chain ${name}`, ...rules].join('\n  '));
  const setLines = [...elements].map(([set, entries]) => {
    const isSlotted = (ENDPOINT_MAPS as readonly string[]).includes(set);
    const lines = [...entries].map(([key, data]) => `${isSlotted ? withoutSlot(key) : key} : ${data}`);
    return [`set ${set}`, ...lines.toSorted(byText)].join('\n  ');
  });
  return [...chainLines.toSorted(byText), ...setLines.toSorted(byText)].join('\n');
}

function withoutSlot(key: string): string {
  return key.slice(0, key.lastIndexOf(' . '));
}

function byText(one: string, other: string): number {
  return one < other ? -1 : 1;
}
