import type { SliceModel } from '../model/endpoint-slice.ts';
import type { Family } from '../model/family.ts';
import { sameValue } from '../model/same-value.ts';
import type { ObjectKey } from '../model/service-port-name.ts';

/** A Service whose endpoints of one family have changed. */
interface SliceChange {
  readonly service: ObjectKey;
  readonly family: Family;
}

/** All slices, by the service they belong to. Holds nothing of a service that has none. */
export interface SliceStore {
  readonly size: number;
  get(slice: ObjectKey): SliceModel | undefined;
  /** Puts a slice in the place of an earlier one, or removes it. Two changes if it moved to another service. */
  replace(slice: ObjectKey, after: SliceModel | undefined): readonly SliceChange[];
  /** Sorted by name of the slice. */
  of(service: ObjectKey, family: Family): readonly SliceModel[];
  /** Of all endpoints of a family, ready or not. */
  addresses(family: Family): Iterable<string>;
  /** Services with topology hints, the only ones that depend on the node's zone. */
  hinted(): ReadonlySet<ObjectKey>;
}

const NO_SLICES: readonly SliceModel[] = Object.freeze([]);

function hasHints(slice: SliceModel): boolean {
  return slice.endpoints.some(({ hints }) => hints !== null);
}

function* addressesOf(slices: Iterable<SliceModel>, family: Family): Iterable<string> {
  for (const slice of slices) {
    if (slice.family === family) for (const { address } of slice.endpoints) yield address;
  }
}

export function createSliceStore(): SliceStore {
  const slices = new Map<ObjectKey, SliceModel>();
  const byService = new Map<ObjectKey, readonly SliceModel[]>();
  const hinted = new Set<ObjectKey>();

  const relist = (service: ObjectKey, without: ObjectKey, added: SliceModel | undefined): void => {
    const rest = (byService.get(service) ?? NO_SLICES).filter(({ key }) => key !== without);
    const all = added === undefined ? rest : rest.length === 0 ? [added] : [...rest, added];
    if (all.length > 1) all.sort((one, other) => (one.key < other.key ? -1 : 1));
    if (all.length === 0) byService.delete(service);
    else byService.set(service, all);
    if (all.some(hasHints)) hinted.add(service);
    else hinted.delete(service);
  };

  return {
    get size() {
      return slices.size;
    },
    get: (slice) => slices.get(slice),
    replace(key, after) {
      const before = slices.get(key);
      if (sameValue(before, after)) return [];
      if (before !== undefined) relist(before.service, key, undefined);
      if (after === undefined) slices.delete(key);
      else {
        slices.set(key, after);
        relist(after.service, key, after);
      }
      const changes = [before, after].filter((slice) => slice !== undefined);
      const [first, second] = changes.map(({ service, family }) => ({ service, family }));
      if (first === undefined) return [];
      return second === undefined || sameValue(first, second) ? [first] : [first, second];
    },
    of(service, family) {
      const all = byService.get(service) ?? NO_SLICES;
      return all.every((slice) => slice.family === family) ? all : all.filter((s) => s.family === family);
    },
    addresses: (family) => addressesOf(slices.values(), family),
    hinted: () => hinted,
  };
}
