import { DEFAULT_WEIGHT, type DesiredEndpoint } from '@signalbox/core';
import type { DesiredServer } from '../compile/virtual-servers.ts';
import type { HeldServer } from '../objects/kernel-state.ts';
import { realServerKey, type RealServer, type RealServerKey } from '../objects/real-server.ts';
import { sameSettings, type VirtualServer, type VirtualServerKey } from '../objects/virtual-server.ts';
import { terminatesGracefully, type TerminatingServers } from './graceful-termination.ts';
import type { Plan } from './plan.ts';

/** One virtual server: what the kernel holds, what it should hold. At least one of them is there. */
export interface ServerStep {
  readonly key: VirtualServerKey;
  readonly owner: string;
  readonly held: HeldServer | undefined;
  readonly desired: DesiredServer | undefined;
}

export interface ServerPlanner {
  readonly plan: Plan;
  readonly terminating: TerminatingServers;
  readonly now: number;
}

export function planServer(planner: ServerPlanner, step: ServerStep): void {
  const { key, owner, held, desired } = step;
  if (desired === undefined) {
    if (held !== undefined)
      planner.plan.add('servers-deleted', { kind: 'server-delete', server: held.server }, owner);
    planner.terminating.forget(key);
    return;
  }
  const { server } = desired;
  if (held === undefined) planner.plan.add('servers', { kind: 'server-add', server }, owner);
  else if (!sameSettings(held.server, server))
    planner.plan.add('servers', { kind: 'server-update', server }, owner);
  planReals(planner, step, server);
}

/** What was put into the kernel for `desired` earlier, with those that terminate. */
export function heldFromDesired(
  key: VirtualServerKey,
  desired: DesiredServer,
  terminating: TerminatingServers,
): HeldServer {
  const reals = new Map<RealServerKey, RealServer>();
  for (const endpoint of desired.endpoints) reals.set(realServerKey(endpoint), servingReal(endpoint));
  for (const [realKey, { real }] of terminating.of(key)) reals.set(realKey, { ...real, weight: 0 });
  return { server: desired.server, reals };
}

function planReals(planner: ServerPlanner, step: ServerStep, server: VirtualServer): void {
  const held = new Map(step.held?.reals);
  for (const endpoint of step.desired?.endpoints ?? []) {
    const key = realServerKey(endpoint);
    const before = held.get(key);
    held.delete(key);
    const real = servingReal(endpoint);
    // Ahead of the comparison: another process may have restored the weight.
    planner.terminating.stop(step.key, key);
    if (before?.weight === real.weight) continue;
    const kind = before === undefined ? 'real-add' : 'real-update';
    planner.plan.add('reals', { kind, server, real }, step.owner);
  }
  if (held.size === 0) return;
  const serving = new Set(step.desired?.serving.map(realServerKey));
  for (const [key, real] of held) {
    const keepsFlows = terminatesGracefully(server.protocol) || serving.has(key);
    retire(planner, step, { key, server, real, keepsFlows });
  }
}

interface RetiringReal {
  readonly key: RealServerKey;
  readonly server: VirtualServer;
  readonly real: RealServer;
  /** Established connections may go on: weight 0 instead of a deletion. */
  readonly keepsFlows: boolean;
}

function retire(
  { plan, terminating, now }: ServerPlanner,
  step: ServerStep,
  { key, server, real, keepsFlows }: RetiringReal,
): void {
  const last: RealServer = { address: real.address, port: real.port, weight: 0 };
  if (!keepsFlows) {
    plan.add('reals-retired', { kind: 'real-delete', server, real: last }, step.owner);
    terminating.stop(step.key, key);
    return;
  }
  if (real.weight !== 0) plan.add('reals-retired', { kind: 'real-update', server, real: last }, step.owner);
  terminating.start(step.key, key, { server, real: last }, now);
}

function servingReal({ address, port, weight = DEFAULT_WEIGHT }: DesiredEndpoint): RealServer {
  return { address, port, weight };
}
