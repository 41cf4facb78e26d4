/** Features of a version of HNS. The numbers are those at which Microsoft's own client library checks. */

/** Version of HNS, from `/globals/version`. */
export interface HnsVersion {
  readonly major: number;
  readonly minor: number;
}

/** Features that a version of HNS has; each comment names the first version. */
export interface HnsFeatures {
  /** The API of schema 2 with remote subnets: without it there is no kernelspace mode. 9.2. */
  readonly remoteSubnet: boolean;
  /** Direct server return. 9.3 to 9.x, then 10.2. */
  readonly dsr: boolean;
  /** Both families on one network (never on an overlay). 11.10. */
  readonly dualStack: boolean;
  /** Session affinity by source address. 12.0; the field is sent to older ones all the same. */
  readonly sessionAffinity: boolean;
  /** `HcnModifyLoadBalancer` works. 15.5; 15.4 returns S_OK and changes nothing (kubernetes/kubernetes#131466). */
  readonly modify: boolean;
}

/** Version and features that HNS reported. */
export interface HnsCapabilities {
  readonly version: HnsVersion;
  readonly features: HnsFeatures;
}

function since(version: HnsVersion, major: number, minor: number): boolean {
  return version.major > major || (version.major === major && version.minor >= minor);
}

/** Features by version number; HNS is not called. */
export function featuresOf(version: HnsVersion): HnsFeatures {
  return {
    remoteSubnet: since(version, 9, 2),
    dsr: (version.major === 9 && version.minor >= 3) || since(version, 10, 2),
    dualStack: since(version, 11, 10),
    sessionAffinity: since(version, 12, 0),
    modify: since(version, 15, 5),
  };
}
