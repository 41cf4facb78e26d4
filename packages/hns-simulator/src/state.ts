import type { EndpointDocument, LoadBalancerDocument, NetworkDocument } from './documents.ts';
import { createIdSource, type IdSource } from './ids.ts';

export interface HnsVersion {
  readonly major: number;
  readonly minor: number;
}

export interface HnsOptions {
  /** The answer to `/globals/version`. Default 15.5. */
  readonly version?: HnsVersion;
  /** Addresses of the host: node ports answer on these. */
  readonly hostAddresses?: readonly string[];
  /** Load balancers without direct server return take at most this many endpoints. Default 64; 0: no limit. */
  readonly maxDestinations?: number;
  /** `HcnModifyLoadBalancer` returns S_OK and changes nothing (HNS 15.4). */
  readonly modifyLies?: boolean;
  /** HNS picks its own id for what is created, whatever id was asked for. */
  readonly ignoresRequestedIds?: boolean;
  /** A process that listens on every address of the host keeps its port from VIPs too (Windows Server 2019). */
  readonly listenersBlockVips?: boolean;
  /** A local endpoint may have the address of a remote one (Windows Server 2019 and 2022). */
  readonly sharedAddresses?: boolean;
  /** What HNS shows of a load balancer that it holds. Default: what it was given. */
  readonly show?: (document: LoadBalancerDocument) => LoadBalancerDocument;
  /** Asked before every call; an HRESULT other than 0 is returned instead of making the call. */
  readonly fault?: (call: string) => number;
  /** Asked after every call that succeeded: the answer is lost, the deed is done. */
  readonly lateFault?: (call: string) => number;
}

/** All objects of HNS, keyed by upper-case id. */
export interface HnsState {
  readonly networks: Map<string, NetworkDocument>;
  readonly endpoints: Map<string, EndpointDocument>;
  readonly loadBalancers: Map<string, LoadBalancerDocument>;
  /** In the switch but not (yet) known to the service, after a restart. */
  readonly hidden: Map<string, LoadBalancerDocument>;
  /** `6:10256`: protocol and port that a process of the host listens on, on every address. */
  readonly listeners: Set<string>;
  /** Handle → what it stands for. */
  readonly handles: Map<number, { readonly kind: string; readonly id: string }>;
  readonly options: Required<Omit<HnsOptions, 'fault' | 'lateFault'>>;
  readonly ids: IdSource;
  running: boolean;
  nextHandle: number;
}

export function createState(options: HnsOptions): HnsState {
  return {
    networks: new Map(),
    endpoints: new Map(),
    loadBalancers: new Map(),
    hidden: new Map(),
    listeners: new Set(),
    handles: new Map(),
    options: {
      version: options.version ?? { major: 15, minor: 5 },
      hostAddresses: options.hostAddresses ?? [],
      maxDestinations: options.maxDestinations ?? 64,
      modifyLies: options.modifyLies ?? false,
      ignoresRequestedIds: options.ignoresRequestedIds ?? false,
      listenersBlockVips: options.listenersBlockVips ?? false,
      sharedAddresses: options.sharedAddresses ?? false,
      show: options.show ?? ((document) => document),
    },
    ids: createIdSource(),
    running: true,
    nextHandle: 1,
  };
}

export function atLeast(version: HnsVersion, major: number, minor: number): boolean {
  return version.major > major || (version.major === major && version.minor >= minor);
}
