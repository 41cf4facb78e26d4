/** The state of a backend between syncs. */
import {
  createDesiredView,
  createRefusedServices,
  type DesiredView,
  type RefusedServices,
} from '@signalbox/backend-kit';
import type { BalancingSupport } from '@signalbox/core';
import { BALANCING } from '../compile/load-balancing.ts';
import type { SlotTable } from '../diff/increment.ts';
import type { DesiredObjects } from '../diff/desired-objects.ts';
import { createOwnCommits, type OwnCommits } from '../driver/own-commits.ts';
import type { Structure } from '../objects/observed.ts';

/** It holds all that is desired, with the endpoints in these slots. */
export interface HeldTable {
  readonly kind: 'held';
  readonly slots: SlotTable;
  readonly structure: Structure;
}

/** The kernel as far as it is known. `unknown`: at the start and after a failure; the next sync reads everything. */
export type Held = { readonly kind: 'unknown' } | HeldTable;

export const UNKNOWN: Held = { kind: 'unknown' };

export interface BackendState {
  readonly ownCommits: OwnCommits;
  /** Changes that came before the kernel could be probed. */
  readonly backlog: DesiredView;
  /** `null`: not probed yet. */
  desired: DesiredObjects | null;
  /** Until the kernel was probed, what most kernels support. */
  balancing: BalancingSupport;
  held: Held;
  /** Another process wrote to the table: everything is compared at the next sync. */
  resyncRequired: boolean;
  /** Another process committed something that the structure does not show: elements may differ, and `watch` compares them. */
  unverified: boolean;
  /** Chains or sets could not be deleted yet: an empty change compares everything and deletes them. */
  removalsOwed: boolean;
  /** A sync is under way: the table is changing by this backend's own writes. */
  busy: boolean;
  /** Batches committed so far; a verification during which it moved does not count. */
  commits: number;
  readonly refused: RefusedServices;
}

export function createBackendState(ownCommits: OwnCommits = createOwnCommits()): BackendState {
  return {
    ownCommits,
    backlog: createDesiredView(),
    desired: null,
    balancing: BALANCING,
    held: UNKNOWN,
    resyncRequired: false,
    unverified: false,
    removalsOwed: false,
    busy: false,
    commits: 0,
    refused: createRefusedServices(),
  };
}
