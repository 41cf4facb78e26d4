import { FAMILIES, type Family } from '../model/family.ts';
import type { IgnoredService, ServiceModel } from '../model/service.ts';
import { servedNodePortIPs } from '../desired/node-ports.ts';
import { SUPPORTS_ALL, unsupportedFeatures } from '../balancing/unsupported.ts';
import type { InputProblem } from '../input.ts';
import type { TrackedService } from '../track/tracked-service.ts';
import { describePort, type DescribedPort } from './describe-port.ts';
import type {
  DescribeOptions,
  FamilyDescription,
  NodeDescription,
  ServiceDescription,
  ServiceProblem,
} from './service-description.ts';

interface Viewpoint {
  readonly families: readonly Family[];
  readonly options: DescribeOptions;
}

const EVERYWHERE = { servicePort: null, family: null } as const;

const IGNORED: Readonly<Record<IgnoredService, readonly [rule: string, message: string]>> = {
  'external-name': ['F132', 'Not served: the type is ExternalName, which DNS alone resolves'],
  'other-proxy': [
    'S29',
    'Not served: the label service.kubernetes.io/service-proxy-name selects another proxy',
  ],
  headless: [
    'F132',
    'Not served: the Service is headless (spec.clusterIP: None); clients connect to pods directly',
  ],
  'no-cluster-ip': ['F132', 'Not served: spec.clusterIP is not allocated yet'],
  'no-usable-address': ['F132', 'Not served: no usable address in spec.clusterIPs'],
  'no-usable-port': ['F132', 'Not served: no usable port in spec.ports'],
};

/** For an invalid value of these fields, the default is used; an invalid value of any other field removes what it specifies. */
const DEFAULTED =
  /^(metadata\.annotations|spec\.(sessionAffinity|internalTrafficPolicy|external(Traffic|Failover)Policy|healthCheckNodePort))/;

function decodeProblem({ resource, object, field, value, reason }: InputProblem): ServiceProblem {
  const isLost = resource === 'Service' && !DEFAULTED.test(field);
  const where = resource === 'Service' ? field : `${resource} ${object} ${field}`;
  return {
    severity: isLost ? 'error' : 'warning',
    rule: null,
    message: `${where}: invalid value ${value}: ${reason}`,
    ...EVERYWHERE,
    ...(resource === 'Service' ? {} : { blames: object }),
  };
}

function describeNode({ node, nodes }: TrackedService, families: readonly Family[]): NodeDescription {
  const { location } = nodes.IPv4.context;
  return {
    name: location.name,
    known: node.known,
    zone: location.zone,
    nodePortAddresses: families.flatMap((family) => servedNodePortIPs(nodes[family].node, family)),
  };
}

function ignoredProblems({ ignored, key }: TrackedService): ServiceProblem[] {
  const [rule, message] =
    ignored === null
      ? [null, `Service ${key} is not known: it does not exist, is headless, or is served by another proxy`]
      : IGNORED[ignored];
  return [{ severity: 'error', rule, message, ...EVERYWHERE }];
}

function addressesText(service: ServiceModel, field: 'externalIPs' | 'sourceRanges'): string {
  return FAMILIES.flatMap((family) => service.addresses[family]?.[field] ?? []).join(', ');
}

function familyProblems(
  service: ServiceModel,
  tracked: TrackedService,
  families: readonly Family[],
): ServiceProblem[] {
  return FAMILIES.filter((family) => service.addresses[family] !== undefined).flatMap(
    (family): ServiceProblem[] => {
      if (!families.includes(family)) {
        const message = `This node does not serve ${family}: ${service.addresses[family]?.clusterIP ?? ''} is not programmed`;
        return [{ severity: 'warning', rule: 'S51', message, servicePort: null, family }];
      }
      if (service.externalPolicy !== 'local' || tracked.nodes[family].context.detection === 'detected')
        return [];
      const message = `No local detector for ${family}: with externalTrafficPolicy Local, pods of this node are treated as clients from outside`;
      return [{ severity: 'warning', rule: 'S36', message, servicePort: null, family }];
    },
  );
}

function rangesProblem(ranges: string, { ignoresSourceRanges = false }: DescribeOptions): ServiceProblem {
  if (!ignoresSourceRanges) {
    const message = `Load-balancer IPs accept connections from ${ranges} only`;
    return { severity: 'note', rule: 'S24', message, ...EVERYWHERE };
  }
  const message = `spec.loadBalancerSourceRanges: ${ranges} has no effect in this proxy mode: load-balancer IPs accept connections from every address`;
  return { severity: 'warning', rule: 'S24', message, ...EVERYWHERE };
}

/** Of the Service as a whole. */
function serviceProblems(
  service: ServiceModel,
  tracked: TrackedService,
  { families, options }: Viewpoint,
): ServiceProblem[] {
  const problems = familyProblems(service, tracked, families);
  const external = addressesText(service, 'externalIPs');
  if (external !== '' && tracked.nodes.IPv4.context.externalIPs === 'ignored') {
    const message = `spec.externalIPs: ${external} not programmed: external IPs are disabled`;
    problems.push({ severity: 'error', rule: 'S17', message, ...EVERYWHERE });
  }
  const ranges = addressesText(service, 'sourceRanges');
  if (ranges !== '') problems.push(rangesProblem(ranges, options));
  const isHinted = tracked.slices.some(({ endpoints }) => endpoints.some(({ hints }) => hints !== null));
  if (isHinted && tracked.nodes.IPv4.context.location.zone === null) {
    const cause = tracked.node.known
      ? 'this node has no zone label'
      : 'the Node object of this node is not known';
    const message = `Topology hints for zones are ignored: ${cause}`;
    problems.push({ severity: 'note', rule: 'S10', message, ...EVERYWHERE });
  }
  return problems;
}

function describeFamily(
  family: Family,
  service: ServiceModel,
  ports: readonly DescribedPort[],
): FamilyDescription {
  if (service.addresses[family] === undefined) {
    return { family, served: false, reason: `the Service has no ${family} ClusterIP` };
  }
  const failed = ports.find(({ description }) => description.family === family && !description.served);
  return { family, served: failed === undefined, reason: failed?.description.reason ?? null };
}

function describePorts(
  service: ServiceModel,
  tracked: TrackedService,
  { families, options }: Viewpoint,
): DescribedPort[] {
  return families.flatMap((family) => {
    const addresses = service.addresses[family];
    if (addresses === undefined) return [];
    return service.ports.map((port) => describePort({ tracked, service, port, family, addresses, options }));
  });
}

const SEVERITIES: readonly ServiceProblem['severity'][] = ['error', 'warning', 'note'];

function finish(
  tracked: TrackedService,
  rest: Omit<ServiceDescription, 'namespace' | 'name' | 'node' | 'served' | 'reason'>,
  families: readonly Family[],
): ServiceDescription {
  const [namespace = '', name = ''] = tracked.key.split('/');
  const problems = SEVERITIES.flatMap((severity) =>
    rest.problems.filter((problem) => problem.severity === severity),
  );
  const error = problems.find(({ severity }) => severity === 'error');
  const node = describeNode(tracked, families);
  return {
    namespace,
    name,
    ...rest,
    problems,
    node,
    served: error === undefined,
    reason: error?.message ?? null,
  };
}

function notServed(tracked: TrackedService, families: readonly Family[]): ServiceDescription {
  const rest = {
    found: tracked.ignored !== null,
    type: null,
    policies: null,
    externalFailover: null,
    affinity: null,
    balancing: null,
    sourceRanges: [],
    healthCheckNodePort: null,
    families: [],
    ports: [],
    problems: [...ignoredProblems(tracked), ...tracked.problems.map(decodeProblem)],
  };
  return finish(tracked, rest, families);
}

/** What the proxy mode does not support; once for all ports. */
function unsupportedProblems(
  ports: readonly DescribedPort[],
  { name = null, support = SUPPORTS_ALL }: DescribeOptions,
): ServiceProblem[] {
  const features = ports.flatMap(({ built }) => unsupportedFeatures(built, { mode: name, support }));
  const lines = features.map(({ message }) => message);
  return [...new Set(lines)].map((message) => ({ severity: 'warning', rule: null, message, ...EVERYWHERE }));
}

/** One Service as this node serves it; `families`: the families for which the node programs rules. */
export function describeService(
  tracked: TrackedService,
  families: readonly Family[],
  options: DescribeOptions = {},
): ServiceDescription {
  const { service } = tracked;
  if (service === null) return notServed(tracked, families);
  const viewpoint = { families, options };
  const ports = describePorts(service, tracked, viewpoint);
  const { affinity, healthCheckNodePort } = service;
  return finish(
    tracked,
    {
      found: true,
      type: service.type,
      policies: { internal: service.internalPolicy, external: service.externalPolicy },
      externalFailover: service.externalFailover?.policy ?? null,
      affinity: affinity === null ? null : { kind: 'ClientIP', timeoutSeconds: affinity.timeoutSeconds },
      balancing: service.balancing,
      sourceRanges: FAMILIES.flatMap((family) => service.addresses[family]?.sourceRanges ?? []),
      healthCheckNodePort: healthCheckNodePort === 0 ? null : healthCheckNodePort,
      families: families.map((family) => describeFamily(family, service, ports)),
      ports: ports.map(({ description }) => description),
      problems: [
        ...ports.flatMap(({ problems }) => problems),
        ...tracked.problems.map(decodeProblem),
        ...serviceProblems(service, tracked, viewpoint),
        ...unsupportedProblems(ports, options),
      ],
    },
    families,
  );
}
