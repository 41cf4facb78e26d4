import type { Family, Protocol } from './family.ts';
import type { ObjectKey } from './service-port-name.ts';

/** Bits of `SliceEndpoint.conditions`. */
export const READY = 1;
export const SERVING = 2;
export const TERMINATING = 4;

/** Zones and nodes from which traffic should go to this endpoint (topology hints). Both sorted, without duplicates. */
export interface TopologyHints {
  readonly zones: readonly string[];
  readonly nodes: readonly string[];
}

/** One endpoint. There are up to millions: four fields, small numbers, shared strings and hints. */
export interface SliceEndpoint {
  readonly address: string;
  /** Empty if unknown. */
  readonly nodeName: string;
  /** Sum of `READY`, `SERVING`, `TERMINATING`. */
  readonly conditions: number;
  readonly hints: TopologyHints | null;
}

/** One entry of `ports` of an EndpointSlice; the name is empty for an unnamed port. */
export interface SlicePort {
  readonly name: string;
  readonly protocol: Protocol;
  readonly port: number;
}

/** The fields of an EndpointSlice that the proxy uses. */
export interface SliceModel {
  /** `namespace/name` of the slice. */
  readonly key: ObjectKey;
  /** `namespace/name` of the Service it belongs to. */
  readonly service: ObjectKey;
  readonly family: Family;
  readonly ports: readonly SlicePort[];
  readonly endpoints: readonly SliceEndpoint[];
  /** 2-100, of each endpoint; absent: 1. */
  readonly weight?: number;
}
