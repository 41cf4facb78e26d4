/**
 * Which of two service ports gets an address and port that both specify (S28): that of the older Service; of two equally
 * old ones, the first by name. The other one's frontend is left out until the first is removed, so that a
 * desired state never contains one frontend twice, whatever the order of events.
 */
import type { Frontend } from '../desired/desired-state.ts';
import type { InputProblem } from '../input.ts';
import { FAMILIES, type Family, type Protocol } from '../model/family.ts';
import { formatAddressPort } from '../model/ip.ts';
import type { ServiceModel, ServicePortModel } from '../model/service.ts';
import { type ObjectKey, serviceOf, type ServicePortKey } from '../model/service-port-name.ts';

type ClaimKey = string;

interface Claim {
  readonly on: ClaimKey;
  readonly by: ServicePortKey;
  /** The field of the Service that specifies it. */
  readonly field: string;
}

interface ClaimScope {
  readonly family: Family;
  readonly protocol: Protocol;
}

export interface FrontendConflicts {
  /** Replaces the frontends that a Service specifies. Returns the services whose frontends this may change. */
  replace(before: ServiceModel | undefined, after: ServiceModel | undefined): ReadonlySet<ObjectKey>;
  /** Whether `frontend` belongs to `servicePort`. */
  ownsFrontend(servicePort: ServicePortKey, frontend: Frontend, scope: ClaimScope): boolean;
  /** The service port that has a frontend which several specify; null if no other one specifies it. */
  holderOf(frontend: Frontend, scope: ClaimScope): ServicePortKey | null;
  /** One problem for each frontend that is left out now, by name. The same array until that changes. */
  conflicts(): readonly InputProblem[];
}

export interface FrontendConflictOptions {
  readonly externalIPs: 'served' | 'ignored';
  /** As it is now. One whose creation time is unknown counts as the youngest. */
  readonly service: (key: ObjectKey) => ServiceModel | undefined;
}

function vipClaim(address: string, port: number, protocol: Protocol): ClaimKey {
  return `${formatAddressPort(address, port)}/${protocol}`;
}

function nodePortClaim(family: Family, port: number, protocol: Protocol): ClaimKey {
  return `${family}:${port}/${protocol}`;
}

function claimsInFamily(
  service: ServiceModel,
  { key: by, name, port, nodePort }: ServicePortModel,
  at: { readonly family: Family; readonly externalIPs: FrontendConflictOptions['externalIPs'] },
): Claim[] {
  const own = service.addresses[at.family];
  if (own === undefined) return [];
  const vip = (field: string) => (address: string) => ({
    on: vipClaim(address, port, name.protocol),
    by,
    field,
  });
  const claims = [
    vip('spec.clusterIP')(own.clusterIP),
    ...(at.externalIPs === 'served' ? own.externalIPs.map(vip('spec.externalIPs')) : []),
    ...own.loadBalancerIPs.map(vip('status.loadBalancer.ingress')),
  ];
  if (nodePort === 0) return claims;
  const on = nodePortClaim(at.family, nodePort, name.protocol);
  return [...claims, { on, by, field: 'spec.ports.nodePort' }];
}

function claimsOf(
  service: ServiceModel | undefined,
  externalIPs: FrontendConflictOptions['externalIPs'],
): Claim[] {
  if (service === undefined) return [];
  return service.ports.flatMap((port) =>
    FAMILIES.flatMap((family) => claimsInFamily(service, port, { family, externalIPs })),
  );
}

/** Service ports by the address and port that they specify. */
interface ClaimBook {
  readonly contested: ReadonlySet<ClaimKey>;
  of(on: ClaimKey): readonly ServicePortKey[];
  set(on: ClaimKey, claimants: readonly ServicePortKey[]): void;
}

function createClaimBook(): ClaimBook {
  /** Nearly always there is one service port: then its key alone, else an array. */
  const holders = new Map<ClaimKey, ServicePortKey | readonly ServicePortKey[]>();
  const contested = new Set<ClaimKey>();
  return {
    contested,
    of(on) {
      const held = holders.get(on) ?? [];
      return typeof held === 'string' ? [held] : held;
    },
    set(on, claimants) {
      const [only] = claimants;
      if (only === undefined) holders.delete(on);
      else holders.set(on, claimants.length === 1 ? only : claimants);
      if (claimants.length > 1) contested.add(on);
      else contested.delete(on);
    },
  };
}

function lost({ on, by, field }: Claim, holder: ServicePortKey): InputProblem {
  const object = serviceOf(by);
  const other = serviceOf(holder);
  const user = object === other ? 'another port of this Service' : `Service ${other}`;
  const reason = `already used by ${user}, which is older or first by name`;
  return { resource: 'Service', object, field, value: on, reason };
}

function compareProblems(a: InputProblem, b: InputProblem): number {
  const text = ({ object, field, value }: InputProblem): string => `${object} ${field} ${value}`;
  return text(a) < text(b) ? -1 : 1;
}

interface Contests {
  readonly winner: (on: ClaimKey) => ServicePortKey | undefined;
  /** For every address and port that more than one service port specifies. */
  readonly losses: () => readonly InputProblem[];
}

function createContests(book: ClaimBook, { externalIPs, service: find }: FrontendConflictOptions): Contests {
  const order = (servicePort: ServicePortKey): string =>
    `${find(serviceOf(servicePort))?.created || '~'} ${servicePort}`;
  const winner = (on: ClaimKey): ServicePortKey | undefined =>
    [...book.of(on)].sort((one, other) => (order(one) < order(other) ? -1 : 1))[0];
  const lossesOf = (on: ClaimKey): InputProblem[] => {
    const holder = winner(on) ?? '';
    const losers = book.of(on).filter((by) => by !== holder);
    const services = [...new Set(losers.map(serviceOf))];
    return services
      .flatMap((key) => claimsOf(find(key), externalIPs))
      .filter((claim) => claim.on === on && losers.includes(claim.by))
      .map((claim) => lost(claim, holder));
  };
  return { winner, losses: () => [...book.contested].flatMap(lossesOf).sort(compareProblems) };
}

export function createFrontendConflicts(options: FrontendConflictOptions): FrontendConflicts {
  const { externalIPs } = options;
  const book = createClaimBook();
  const { winner, losses } = createContests(book, options);
  let conflicts: readonly InputProblem[] | null = null;
  const holderOf: FrontendConflicts['holderOf'] = (frontend, { family, protocol }) => {
    if (book.contested.size === 0) return null;
    const on =
      frontend.kind === 'node-port'
        ? nodePortClaim(family, frontend.port, protocol)
        : vipClaim(frontend.address, frontend.port, protocol);
    return book.contested.has(on) ? (winner(on) ?? null) : null;
  };

  return {
    replace(before, after) {
      const touched = new Set<ObjectKey>();
      const wasContested = book.contested.size > 0;
      const withdraw = ({ on, by }: Claim): readonly ServicePortKey[] => {
        const others = book.of(on).filter((other) => other !== by);
        for (const other of others) touched.add(serviceOf(other));
        book.set(on, others);
        return others;
      };
      for (const claim of claimsOf(before, externalIPs)) withdraw(claim);
      for (const claim of claimsOf(after, externalIPs)) book.set(claim.on, [...withdraw(claim), claim.by]);
      if (wasContested || book.contested.size > 0) conflicts = null;
      return touched;
    },
    ownsFrontend: (servicePort, frontend, scope) =>
      (holderOf(frontend, scope) ?? servicePort) === servicePort,
    holderOf,
    conflicts() {
      conflicts ??= losses();
      return conflicts;
    },
  };
}
