import type { Drift } from '@signalbox/core';
import type { IpSet, IpSetEntry } from './ip-set.ts';
import type { PacketFilter, PacketFilterPart } from './packet-filter.ts';
import type { RealServer } from './real-server.ts';
import type { VirtualServer } from './virtual-server.ts';

/** One step towards the desired state. The driver does them in order. */
export type Operation =
  | { readonly kind: 'set-create'; readonly set: IpSet }
  /** Replaces a set that rules refer to by one with this size and exactly these entries, in one instant. */
  | { readonly kind: 'set-replace'; readonly set: IpSet; readonly entries: readonly IpSetEntry[] }
  | { readonly kind: 'set-add'; readonly set: string; readonly entries: readonly IpSetEntry[] }
  | { readonly kind: 'set-delete'; readonly set: string; readonly entries: readonly IpSetEntry[] }
  | { readonly kind: 'set-destroy'; readonly set: string }
  | { readonly kind: 'server-add'; readonly server: VirtualServer }
  | { readonly kind: 'server-update'; readonly server: VirtualServer }
  | { readonly kind: 'server-delete'; readonly server: VirtualServer }
  | { readonly kind: 'real-add'; readonly server: VirtualServer; readonly real: RealServer }
  | { readonly kind: 'real-update'; readonly server: VirtualServer; readonly real: RealServer }
  | { readonly kind: 'real-delete'; readonly server: VirtualServer; readonly real: RealServer }
  | { readonly kind: 'device-create' }
  | { readonly kind: 'device-delete' }
  | { readonly kind: 'address-add'; readonly address: string }
  | { readonly kind: 'address-delete'; readonly address: string }
  /** `drift`: why, where a comparison has shown it. */
  | {
      readonly kind: 'packet-filter-install';
      readonly packetFilter: PacketFilter;
      readonly drift?: readonly Drift[];
      /** Default `all`. */
      readonly part?: PacketFilterPart;
    }
  | SetsRetype;

/** Replaces sets of another type while rules refer to them, and installs the rules. */
export interface SetsRetype {
  readonly kind: 'sets-retype';
  readonly sets: readonly RetypedSet[];
  /** `packetFilter`, with the sets that stand in. */
  readonly detour: PacketFilter;
  readonly packetFilter: PacketFilter;
}

export interface RetypedSet {
  readonly set: IpSet;
  /** Name of the set that stands in meanwhile. */
  readonly detour: string;
  readonly entries: readonly IpSetEntry[];
}

export type OperationKind = Operation['kind'];
