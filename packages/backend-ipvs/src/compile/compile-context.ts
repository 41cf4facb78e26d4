import type { DesiredNode, Family } from '@signalbox/core';
import type { LocalPolicyFallback } from './no-endpoints.ts';

/** What compiling a service port depends on besides the service port. */
export interface CompileContext {
  readonly family: Family;
  readonly node: DesiredNode;
  readonly scheduler: string;
  readonly localPolicyFallback: LocalPolicyFallback;
  /** Addresses that get a virtual server for each node port. */
  readonly nodePortAddresses: readonly string[];
}
