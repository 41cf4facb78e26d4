import type { DesiredNode } from '@signalbox/core';
import type { AddressMapping, ServicePortMap } from './address-map.ts';

/** The parts of the node and the options that determine where listeners are bound. */
export interface CompileContext {
  readonly node: DesiredNode;
  readonly mappings: readonly AddressMapping[];
  /** Of these mappings. */
  readonly mapServicePort: ServicePortMap;
  /** Service addresses that are not mapped are assigned to the node; if `false`, their frontends are not served. */
  readonly assignsAddresses: boolean;
}

/** Where a socket is bound. */
export interface Place {
  readonly address: string;
  readonly port: number;
}
