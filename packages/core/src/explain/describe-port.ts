import { buildServicePort } from '../desired/build-service-port.ts';
import type { DesiredServicePort, Frontend } from '../desired/desired-state.ts';
import type { Family } from '../model/family.ts';
import { formatAddressPort } from '../model/ip.ts';
import { serviceOf } from '../model/service-port-name.ts';
import type { ServiceAddresses, ServiceModel, ServicePortModel } from '../model/service.ts';
import { collectCandidates } from '../select/candidate.ts';
import { policyUse } from '../select/traffic-policy.ts';
import type { TrackedService } from '../track/tracked-service.ts';
import { describeEndpoints, portText, slicePortsText, type EndpointContext } from './describe-endpoints.ts';
import { isEndpointSet } from './select-route.ts';
import type {
  DescribeOptions,
  FrontendDescription,
  ServicePortDescription,
  ServiceProblem,
} from './service-description.ts';

/** One service port in one family, in which the Service has addresses. */
export interface PortScope {
  readonly tracked: TrackedService;
  readonly service: ServiceModel;
  readonly port: ServicePortModel;
  readonly family: Family;
  readonly addresses: ServiceAddresses;
  readonly options: DescribeOptions;
}

export interface DescribedPort {
  readonly built: DesiredServicePort;
  readonly description: ServicePortDescription;
  readonly problems: readonly ServiceProblem[];
}

function sourceRangesOf(frontend: Frontend): readonly string[] | null {
  return frontend.kind === 'load-balancer' ? (frontend.sourceRanges?.cidrs ?? null) : null;
}

function describeFrontend(frontend: Frontend, scope: PortScope): FrontendDescription {
  const { tracked, port, family, options } = scope;
  const holder = tracked.holderOf(frontend, { family, protocol: port.name.protocol });
  const lostTo = holder === port.key ? null : holder;
  const last = frontend.routes.at(-1);
  const target = last?.target ?? 'drop';
  return {
    kind: frontend.kind,
    address: frontend.kind === 'node-port' ? null : frontend.address,
    port: frontend.port,
    policy: frontend.policy,
    outcome: isEndpointSet(target) ? 'forward' : target,
    rule: last?.rule ?? '',
    routes: frontend.routes,
    sourceRanges: options.ignoresSourceRanges === true ? null : sourceRangesOf(frontend),
    state: lostTo === null ? 'owned' : 'lost',
    lostTo,
  };
}

/** `cluster-ip 10.96.0.10:80/TCP`; `node-port 30080/TCP`. */
function frontendText({ kind, address, port }: FrontendDescription, protocol: string): string {
  return `${kind} ${address === null ? port : formatAddressPort(address, port)}/${protocol}`;
}

function endpointContext(
  scope: PortScope,
  found: Pick<EndpointContext, 'slices' | 'candidates' | 'built'>,
): EndpointContext {
  const { tracked, service, port, family, addresses } = scope;
  const { context } = tracked.nodes[family];
  return {
    port: port.name,
    ...found,
    headless: service.headless,
    use: policyUse(service, port, addresses),
    location: context.location,
    zoneOf: tracked.zoneOf,
  };
}

type Cause = Pick<ServiceProblem, 'rule' | 'message'>;

/** Why no endpoint at all is usable (S23). */
function whyNone(
  { tracked, family }: PortScope,
  { port, slices, candidates, headless }: EndpointContext,
): Cause {
  if (headless) return { rule: 'S29', message: 'it has the label service.kubernetes.io/headless' };
  if (slices.length === 0) {
    if (tracked.slices.length === 0) return { rule: 'S5', message: 'it has no EndpointSlice' };
    return { rule: 'S51', message: `it has no ${family} EndpointSlice` };
  }
  if (slices.every(({ endpoints }) => endpoints.length === 0)) {
    return { rule: 'S5', message: 'its EndpointSlices have no endpoints: no pod matches spec.selector' };
  }
  if (candidates.length === 0) {
    const others = slicePortsText(slices) || 'none';
    return {
      rule: 'F131',
      message: `no EndpointSlice has a port ${portText(port)}; their ports: ${others}`,
    };
  }
  const many = candidates.length;
  return {
    rule: 'S12',
    message: many === 1 ? 'its endpoint is not ready' : `none of its ${many} endpoints is ready`,
  };
}

const POLICY_FIELD = { internal: 'internalTrafficPolicy', external: 'externalTrafficPolicy' } as const;

/** The policy that routes of a frontend follow. */
function policyField(frontend: FrontendDescription): string {
  return frontend.kind === 'cluster-ip' ? POLICY_FIELD.internal : POLICY_FIELD.external;
}

function endpointProblems(
  scope: PortScope,
  frontends: readonly FrontendDescription[],
  context: EndpointContext,
): Cause[] {
  const owned = frontends.filter(({ state }) => state === 'owned');
  if (owned.some(({ rule }) => rule === 'S23')) {
    const { rule, message } = whyNone(scope, context);
    return [{ rule, message: `No usable endpoint, connections are rejected: ${message}` }];
  }
  const dropped = owned.filter(({ outcome }) => outcome === 'drop' || outcome === 'reject');
  const nodes = [...new Set(context.candidates.map(({ node }) => node || 'unknown'))].sort();
  return [...new Set(dropped.map(policyField))].map((field) => {
    const of = dropped.filter((frontend) => policyField(frontend) === field);
    const which = of.map((frontend) => frontendText(frontend, scope.port.name.protocol)).join(', ');
    const shown =
      nodes.length > 3 ? `${nodes.slice(0, 3).join(', ')} and ${nodes.length - 3} more` : nodes.join(', ');
    return {
      rule: of[0]?.rule ?? null,
      message: `No endpoint on this node, and ${field} is Local: packets to ${which} are ${of[0]?.outcome === 'reject' ? 'rejected' : 'dropped'}; endpoints run on ${shown}`,
    };
  });
}

/** External traffic that S66 forwards or leaves to other nodes. */
function failoverNote(scope: PortScope, frontends: readonly FrontendDescription[]): Cause | null {
  const found = frontends.filter(
    ({ state, rule, outcome }) => state === 'owned' && rule === 'S66' && outcome !== 'reject',
  );
  const [first] = found;
  if (first === undefined) return null;
  const which = found.map((frontend) => frontendText(frontend, scope.port.name.protocol)).join(', ');
  const what =
    first.outcome === 'forward'
      ? `connections to ${which} go to endpoints of other nodes, masqueraded`
      : `packets from outside to ${which} go on by the routes of this node`;
  return { rule: 'S66', message: `No endpoint on this node: ${what}` };
}

function lostProblem(frontend: FrontendDescription, scope: PortScope): Cause & { readonly blames?: string } {
  const object = serviceOf(frontend.lostTo ?? '');
  const user = object === scope.service.key ? 'another port of this Service' : `Service ${object}`;
  const what = frontendText(frontend, scope.port.name.protocol);
  const message = `${what} is already used by ${user}, which is older or first by name`;
  return { rule: 'S28', message, blames: object };
}

function problemsOf(
  scope: PortScope,
  frontends: readonly FrontendDescription[],
  context: EndpointContext,
): ServiceProblem[] {
  const { port, family } = scope;
  const failover = failoverNote(scope, frontends);
  const causes = [
    ...frontends.filter(({ state }) => state === 'lost').map((frontend) => lostProblem(frontend, scope)),
    ...endpointProblems(scope, frontends, context),
  ];
  const where = { servicePort: port.key, family };
  return [
    ...causes.map((cause): ServiceProblem => ({ severity: 'error', ...where, ...cause })),
    ...(failover === null ? [] : [{ severity: 'note' as const, ...where, ...failover }]),
  ];
}

/** Uses the functions that build the desired state, so that the description equals what is programmed. */
export function describePort(scope: PortScope): DescribedPort {
  const { tracked, service, port, family, addresses } = scope;
  const { context } = tracked.nodes[family];
  const slices = tracked.slices.filter((slice) => slice.family === family);
  const candidates = collectCandidates(slices, port.name, context.location.name);
  const built = buildServicePort(service, port, service.headless ? [] : candidates, {
    ...context,
    addresses,
  });
  const endpoints = endpointContext(scope, { slices, candidates, built });
  const frontends = built.frontends.map((frontend) => describeFrontend(frontend, scope));
  const problems = problemsOf(scope, frontends, endpoints);
  const error = problems.find(({ severity }) => severity === 'error');
  return {
    built,
    description: {
      key: port.key,
      name: port.name.port,
      protocol: port.name.protocol,
      family,
      port: port.port,
      nodePort: port.nodePort === 0 ? null : port.nodePort,
      frontends,
      endpoints: describeEndpoints(endpoints),
      served: error === undefined,
      reason: error?.message ?? null,
    },
    problems,
  };
}
