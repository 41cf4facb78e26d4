/** API objects as they travel: the generated client types, with times as the strings that JSON has. */
import type {
  EventsV1Event,
  V1EndpointSlice,
  V1Node,
  V1ObjectReference,
  V1Service,
  V1ServiceCIDR,
} from '@kubernetes/client-node';

export type Wire<T> = T extends Date
  ? string
  : T extends readonly (infer Item)[]
    ? Wire<Item>[]
    : T extends object
      ? { [Key in keyof T]: Wire<T[Key]> }
      : T;

export type WireService = Wire<V1Service>;
export type WireEndpointSlice = Wire<V1EndpointSlice>;
export type WireNode = Wire<V1Node>;
export type WireServiceCIDR = Wire<V1ServiceCIDR>;
export type WireEvent = Wire<EventsV1Event>;
export type ObjectReference = Wire<V1ObjectReference>;

/** What every API object has, as far as a reflector cares. All of it may be missing in a bad answer. */
export interface WireObject {
  readonly kind?: string;
  readonly metadata?: {
    readonly name?: string;
    readonly namespace?: string;
    readonly resourceVersion?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

/** `kind: Status`: how the API server rejects a request. */
export interface WireStatus {
  readonly kind?: string;
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: { readonly retryAfterSeconds?: number };
}
