import type { DesiredNode, Family } from '@signalbox/core';
import type { Schedulers } from './load-balancing.ts';
import type { LocalPolicyFallback } from './no-endpoints.ts';

/** What compiling a service port depends on besides the service port. */
export interface CompileContext extends Schedulers {
  readonly family: Family;
  readonly node: DesiredNode;
  readonly localPolicyFallback: LocalPolicyFallback;
  /** Addresses that get a virtual server for each node port. */
  readonly nodePortAddresses: readonly string[];
}
