import { FAMILIES, type Family } from '../model/family.ts';
import type { FamilyState } from './family-state.ts';
import type { ChangeCounts } from './model-types.ts';

/** Families never built do not count: on a single-stack node the count of the other family would otherwise never return to zero. */
export function pendingCounts(
  world: { readonly services: { readonly size: number }; readonly slices: { readonly size: number } },
  families: Readonly<Record<Family, FamilyState>>,
): ChangeCounts {
  const active = FAMILIES.map((family) => families[family]).filter((family) => family.isActive());
  if (active.length === 0) return { services: world.services.size, endpointSlices: world.slices.size };
  return {
    services: Math.max(...active.map(({ pendingServices }) => pendingServices.size)),
    endpointSlices: active.reduce((sum, { pendingSlices }) => sum + pendingSlices.size, 0),
  };
}
