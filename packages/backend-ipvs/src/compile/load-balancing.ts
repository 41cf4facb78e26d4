/** How the kernel picks a real server: one scheduler for the whole node. */
import type { BalancingSupport } from '@signalbox/core';
import { IP_VS_SVC_F_SCHED2 } from '../objects/virtual-server.ts';

/** What kube-proxy uses when none is named. */
export const DEFAULT_SCHEDULER = 'rr';

/** `scheduler`: that of Services without an algorithm. */
export function balancingOf(scheduler: string): BalancingSupport {
  return { algorithms: [], default: `the IPVS scheduler ${scheduler}`, weights: false };
}

/** Schedulers of Linux up to 6.x. The kernel has the last word: others may come as modules. */
export const SCHEDULERS: readonly string[] = [
  'rr',
  'wrr',
  'lc',
  'wlc',
  'lblc',
  'lblcr',
  'dh',
  'sh',
  'sed',
  'nq',
  'fo',
  'ovf',
  'mh',
  'twos',
];

/**
 * Maglev hashing by address alone would send every connection of a client to one endpoint, which is what
 * session affinity is for: it hashes the port too.
 */
export function schedulerFlags(scheduler: string): number {
  return scheduler === 'mh' ? IP_VS_SVC_F_SCHED2 : 0;
}
