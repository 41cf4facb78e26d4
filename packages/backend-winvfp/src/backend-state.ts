import type { ReconciledState } from '@signalbox/backend-kit';
import type { DesiredObjects } from './compile/desired-objects.ts';
import type { HeldState } from './diff/held-state.ts';
import type { Ownership } from './diff/ownership.ts';
import type { HcnNetwork } from './objects/hcn-documents.ts';
import type { HnsCapabilities } from './objects/hns-version.ts';
import type { DesiredLoadBalancer } from './objects/desired.ts';
import type { WinvfpOptions } from './options.ts';

export interface BackendState {
  readonly options: WinvfpOptions;
  readonly desired: DesiredObjects;
  /** What HNS holds; where it is unknown, the next sync lists it. */
  held: ReconciledState<HeldState>;
  /** `null`: not queried yet. Queried again after HNS was unreachable: it may be another version. */
  capabilities: HnsCapabilities | null;
  readonly owned: Ownership;
  /** Objects that the last round could not bring to the desired state (`Applied.unsettled`). */
  unsettled: ReadonlySet<string>;
  /** Load balancers that HNS refuses for good (`Applied.refused`), by frontend. Retried after HNS was unreachable. */
  refused: ReadonlyMap<string, DesiredLoadBalancer>;
}

export interface World extends HnsCapabilities {
  readonly network: HcnNetwork;
}
