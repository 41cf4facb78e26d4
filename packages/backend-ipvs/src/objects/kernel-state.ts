/** What the kernel holds, as far as one family of this mode goes. */
import type { IpSet, IpSetEntry, IpSetEntryText } from './ip-set.ts';
import type { RealServer, RealServerKey, RealServerStatus } from './real-server.ts';
import type { VirtualServer, VirtualServerKey } from './virtual-server.ts';

export interface HeldServer {
  readonly server: VirtualServer;
  readonly reals: ReadonlyMap<RealServerKey, RealServer>;
}

export interface ObservedServer extends HeldServer {
  readonly reals: ReadonlyMap<RealServerKey, RealServerStatus>;
}

export interface ObservedSet {
  readonly set: IpSet;
  readonly entries: ReadonlyMap<IpSetEntryText, IpSetEntry>;
}

export interface Observed {
  /** `not-dummy`: a device of that name and another kind. */
  readonly device: 'absent' | 'owned' | 'not-dummy';
  /** On kube-ipvs0; without the link-local address that the kernel gives an IPv6 device. */
  readonly boundAddresses: ReadonlySet<string>;
  /** The service device has addresses of the other family too. */
  readonly deviceShared: boolean;
  /** On every other device, loopback included. */
  readonly hostAddresses: ReadonlySet<string>;
  /** All virtual servers of the family, owned or not; none where IPVS is not loaded. */
  readonly servers: ReadonlyMap<VirtualServerKey, ObservedServer>;
  /** Sets with names of this mode, by name. */
  readonly sets: ReadonlyMap<string, ObservedSet>;
}
