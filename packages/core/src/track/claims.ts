/**
 * Who holds an address and port that two service ports ask for (S28). The older service does; of two equally
 * old ones, the first by name. The loser's frontend is left out until the holder gives it up, so that a
 * desired state never contains one frontend twice, whatever the order of events.
 */
import type { Frontend } from '../desired/desired-state.ts';
import type { InputProblem } from '../input.ts';
import { FAMILIES, type Family, type Protocol } from '../model/family.ts';
import { formatAddressPort } from '../model/ip.ts';
import type { ServiceModel } from '../model/service.ts';
import type { ObjectKey, ServicePortKey } from '../model/service-port-name.ts';

type ClaimKey = string;

interface Claim {
  readonly on: ClaimKey;
  readonly by: ServicePortKey;
  /** Where the claim stands in the Service. */
  readonly field: string;
}

export interface Claims {
  /** Replaces what a service asks for. Returns the other services whose frontends this may change. */
  replace(before: ServiceModel | undefined, after: ServiceModel | undefined): ReadonlySet<ObjectKey>;
  /** Whether `frontend` belongs to `servicePort`. */
  holds(servicePort: ServicePortKey, frontend: Frontend, at: ClaimScope): boolean;
  /** One problem for each frontend that somebody loses to or because of this service. */
  problems(service: ServiceModel): InputProblem[];
}

export interface ClaimScope {
  readonly family: Family;
  readonly protocol: Protocol;
}

function vipClaim(address: string, port: number, protocol: Protocol): ClaimKey {
  return `${formatAddressPort(address, port)}/${protocol}`;
}

function nodePortClaim(family: Family, port: number, protocol: Protocol): ClaimKey {
  return `${family}:${port}/${protocol}`;
}

function serviceOf(servicePort: ServicePortKey): ObjectKey {
  return servicePort.slice(0, servicePort.indexOf(':'));
}

function claimsOf(service: ServiceModel, externalIPs: 'served' | 'ignored'): Claim[] {
  const claims: Claim[] = [];
  for (const { key: by, name, port, nodePort } of service.ports) {
    for (const family of FAMILIES) {
      const own = service.addresses[family];
      if (own === undefined) continue;
      const vip = (address: string, field: string): void => {
        claims.push({ on: vipClaim(address, port, name.protocol), by, field });
      };
      vip(own.clusterIP, 'spec.clusterIP');
      if (externalIPs === 'served') for (const ip of own.externalIPs) vip(ip, 'spec.externalIPs');
      for (const ip of own.loadBalancerIPs) vip(ip, 'status.loadBalancer.ingress');
      if (nodePort === 0) continue;
      claims.push({ on: nodePortClaim(family, nodePort, name.protocol), by, field: 'spec.ports.nodePort' });
    }
  }
  return claims;
}

interface ClaimOptions {
  readonly externalIPs: 'served' | 'ignored';
  /** Creation time of a service, RFC 3339; empty if unknown (then it counts as the youngest). */
  readonly created: (service: ObjectKey) => string;
}

export function createClaims({ externalIPs, created }: ClaimOptions): Claims {
  /** Nearly always one claimant: then the bare key, an array else. */
  const holders = new Map<ClaimKey, ServicePortKey | ServicePortKey[]>();
  const contested = new Set<ClaimKey>();

  const order = (servicePort: ServicePortKey): string =>
    `${created(serviceOf(servicePort)) || '~'} ${servicePort}`;
  const winner = (claimants: readonly ServicePortKey[]): ServicePortKey =>
    claimants.reduce((best, next) => (order(next) < order(best) ? next : best));
  const claimantsOf = (on: ClaimKey): readonly ServicePortKey[] => {
    const held = holders.get(on);
    if (held === undefined) return [];
    return typeof held === 'string' ? [held] : held;
  };
  const store = (on: ClaimKey, claimants: ServicePortKey[]): void => {
    const [only] = claimants;
    if (only === undefined) holders.delete(on);
    else holders.set(on, claimants.length === 1 ? only : claimants);
    if (claimants.length > 1) contested.add(on);
    else contested.delete(on);
  };

  return {
    replace(before, after) {
      const touched = new Set<ObjectKey>();
      const touch = ({ on, by }: Claim): void => {
        for (const other of claimantsOf(on)) if (other !== by) touched.add(serviceOf(other));
      };
      for (const claim of before === undefined ? [] : claimsOf(before, externalIPs)) {
        touch(claim);
        store(
          claim.on,
          claimantsOf(claim.on).filter((by) => by !== claim.by),
        );
      }
      for (const claim of after === undefined ? [] : claimsOf(after, externalIPs)) {
        touch(claim);
        const others = claimantsOf(claim.on).filter((by) => by !== claim.by);
        store(claim.on, [...others, claim.by]);
      }
      return touched;
    },
    holds(servicePort, frontend, { family, protocol }) {
      if (contested.size === 0) return true;
      const on =
        frontend.kind === 'node-port'
          ? nodePortClaim(family, frontend.port, protocol)
          : vipClaim(frontend.address, frontend.port, protocol);
      return !contested.has(on) || winner(claimantsOf(on)) === servicePort;
    },
    problems(service) {
      return claimsOf(service, externalIPs)
        .filter(({ on }) => contested.has(on))
        .flatMap(({ on, by, field }) => lost({ on, by, field }, winner(claimantsOf(on)), claimantsOf(on)));
    },
  };
}

/** If the service lost: its own problem. If it won: one for each of those it won against. */
function lost(claim: Claim, holder: ServicePortKey, claimants: readonly ServicePortKey[]): InputProblem[] {
  const losers = claim.by === holder ? claimants.filter((by) => by !== holder) : [claim.by];
  return losers.map((by) => ({
    resource: 'Service',
    object: serviceOf(by),
    field: claim.field,
    value: claim.on,
    reason: `${by} loses it to ${holder}, which is older or first by name`,
  }));
}
