import { type ReconciledState, UNKNOWN } from '@signalbox/backend-kit';
import { createPacketFilterCompiler } from './current-packet-filter.ts';
import { createDesiredObjects, type DesiredObjects } from './diff/desired-objects.ts';
import { createTerminatingServers, type TerminatingServers } from './diff/graceful-termination.ts';
import type { HeldState } from './diff/held-state.ts';
import type { PlanInput } from './diff/plan-input.ts';
import type { Executor } from './execute.ts';
import type { PacketFilter } from './objects/packet-filter.ts';
import type { VirtualServerKey } from './objects/virtual-server.ts';
import type { Settings } from './options.ts';
import { createSchedulerProbe, type SchedulerProbe } from './scheduler-probe.ts';
import { createVirtualServerOwnership, type VirtualServerOwnership } from './virtual-server-ownership.ts';

export interface BackendState {
  readonly settings: Settings;
  readonly desired: DesiredObjects;
  readonly schedulers: SchedulerProbe;
  readonly compilePacketFilter: ReturnType<typeof createPacketFilterCompiler>;
  terminating: TerminatingServers;
  /** Unknown: the next sync reads the kernel first. */
  held: ReconciledState<HeldState>;
  ownership: VirtualServerOwnership;
  randomFully: boolean;
  prepared: boolean;
  resyncRequired: boolean;
  /** Virtual servers that lost a real server since their connections were last counted. */
  readonly unscanned: Set<VirtualServerKey>;
  scannedAt: number;
}

export function createState(settings: Settings): BackendState {
  const { family, localPolicyFallback, masqueradeBit } = settings;
  const schedulers = createSchedulerProbe(settings);
  return {
    settings,
    desired: createDesiredObjects({ ...schedulers.known, family, localPolicyFallback }),
    schedulers,
    compilePacketFilter: createPacketFilterCompiler({ family, masqueradeBit }),
    terminating: createTerminatingServers(),
    held: UNKNOWN,
    ownership: createVirtualServerOwnership(settings.journal),
    randomFully: false,
    prepared: false,
    resyncRequired: false,
    unscanned: new Set(),
    scannedAt: -Infinity,
  };
}

export function executorOf({ settings: { driver }, ownership }: BackendState): Executor {
  return { driver, claims: ownership };
}

export function planInput({ settings, desired }: BackendState, terminating: TerminatingServers): PlanInput {
  const { family, excludeCIDRs, clock } = settings;
  return { family, desired, terminating, excludeCIDRs, now: clock.elapsed() };
}

export function currentFilter({ compilePacketFilter, desired, randomFully }: BackendState): PacketFilter {
  return compilePacketFilter(desired.node, randomFully);
}

/** The kernel is known to hold the rules that are desired now: what differs is another process's doing. */
export function holdsPacketFilter(state: BackendState): boolean {
  return state.held.kind === 'held' && state.held.ledger.hasPacketFilter(currentFilter(state));
}
