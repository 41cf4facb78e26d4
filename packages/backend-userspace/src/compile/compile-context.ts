import type { DesiredNode } from '@signalbox/core';
import type { AddressMapping } from './address-map.ts';

/** What of the node and the options decides where listeners are. */
export interface CompileContext {
  readonly node: DesiredNode;
  readonly mappings: readonly AddressMapping[];
  /** Service addresses that are not mapped become addresses of the node; else their frontends are left out. */
  readonly assignsAddresses: boolean;
}

/** Where a socket is bound. */
export interface Place {
  readonly address: string;
  readonly port: number;
}
