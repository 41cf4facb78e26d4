/** What a Service specifies, mostly by annotations, and a proxy mode does not support. */
import type { Backend, BalancingSupport } from '../backend.ts';
import { annotationField } from '../decode/annotations.ts';
import type { DesiredServicePort } from '../desired/desired-state.ts';
import { CONNECTION_ANNOTATIONS, type ConnectionPolicy } from '../model/connection-policy.ts';
import {
  BALANCING_ALGORITHMS,
  DEFAULT_WEIGHT,
  LOAD_BALANCING_ANNOTATION,
  WEIGHT_ANNOTATION,
} from '../model/balancing.ts';
import { formatDuration } from '../model/duration.ts';
import { PROXY_PROTOCOL_ANNOTATION } from '../model/proxy-protocol.ts';
import { DEFAULT_BALANCING_ONLY } from './supported-change.ts';

export interface ServiceSupport extends BalancingSupport {
  /** Every source may connect to load-balancer IPs. */
  readonly ignoresSourceRanges?: boolean;
}

/** A proxy mode, for messages, and what it supports. */
export interface ModeSupport {
  /** Its name; null if it is not known. */
  readonly mode: string | null;
  readonly support: ServiceSupport;
}

/** What a backend supports, as far as is known now; a backend that does not describe it, and none at all: only the default. */
export function balancingSupport(backend: Pick<Backend, 'balancing'> | null | undefined): BalancingSupport {
  return backend?.balancing?.() ?? DEFAULT_BALANCING_ONLY;
}

/** Of a mode whose backend is not at hand: nothing is reported that depends on it. */
export const SUPPORTS_ALL: BalancingSupport = {
  algorithms: BALANCING_ALGORITHMS,
  default: 'the default',
  weights: true,
  connections: true,
  proxyProtocol: true,
};

/** One line for each; `reason` is that of the Event. */
export interface UnsupportedFeature {
  readonly reason: string;
  readonly message: string;
}

type Specified = Pick<
  DesiredServicePort,
  | 'balancing'
  | 'connections'
  | 'proxyProtocol'
  | 'unsupportedFailover'
  | 'clusterEndpoints'
  | 'localEndpoints'
  | 'frontends'
>;

interface Check {
  readonly reason: string;
  /** The message without the mode; null: supported, or not specified. */
  readonly find: (
    port: Specified,
    support: ServiceSupport,
  ) => { readonly what: string; readonly effect: string } | null;
}

const CHECKS: readonly Check[] = [
  {
    reason: 'UnsupportedLoadBalancing',
    find: ({ balancing }, { algorithms, default: fallback }) =>
      balancing === null || algorithms.includes(balancing)
        ? null
        : {
            what: `${annotationField(LOAD_BALANCING_ANNOTATION)} "${balancing}" is`,
            effect: `: ${fallback} is used`,
          },
  },
  {
    reason: 'UnsupportedLoadBalancing',
    find: (port, { weights }) =>
      weights || !hasWeights(port)
        ? null
        : {
            what: `${annotationField(WEIGHT_ANNOTATION)} ${weightTexts(port)} of EndpointSlices is`,
            effect: ': endpoints get equal shares',
          },
  },
  {
    reason: 'UnsupportedConnectionPolicy',
    find: ({ connections }, support) =>
      connections === undefined || support.connections === true
        ? null
        : { what: `${connectionTexts(connections)}:`, effect: ', which does not open connections itself' },
  },
  {
    reason: 'UnsupportedProxyProtocol',
    find: ({ proxyProtocol }, support) =>
      proxyProtocol === undefined || support.proxyProtocol === true
        ? null
        : {
            what: `${annotationField(PROXY_PROTOCOL_ANNOTATION)} "${proxyProtocol}" is`,
            effect: ': connections to endpoints have no header',
          },
  },
  {
    reason: 'UnsupportedExternalFailover',
    find: ({ unsupportedFailover: specified }) =>
      specified === undefined
        ? null
        : { what: `${specified.field} "${specified.policy}" is`, effect: ': its default is used' },
  },
  {
    reason: 'UnsupportedSourceRanges',
    find: (port, { ignoresSourceRanges }) => {
      const ranges = ignoresSourceRanges === true ? sourceRangesOf(port) : [];
      return ranges.length === 0
        ? null
        : {
            what: `spec.loadBalancerSourceRanges "${ranges.join(', ')}" is`,
            effect: ': load-balancer IPs accept connections from every address',
          };
    },
  },
];

/** Of one service port. */
export function unsupportedFeatures(
  port: Specified,
  { mode, support }: ModeSupport,
): readonly UnsupportedFeature[] {
  const where = mode === null ? 'in this proxy mode' : `in mode ${mode}`;
  return CHECKS.flatMap(({ reason, find }) => {
    const found = find(port, support);
    return found === null ? [] : [{ reason, message: `${found.what} not supported ${where}${found.effect}` }];
  });
}

/** Whether the service port specifies something that a mode with this support does not support. */
export function isUnsupported(port: Specified, support: ServiceSupport): boolean {
  return CHECKS.some(({ find }) => find(port, support) !== null);
}

/** Whether an endpoint of either set has a weight other than the default, 1. */
export function hasWeights({
  clusterEndpoints,
  localEndpoints,
}: Pick<DesiredServicePort, 'clusterEndpoints' | 'localEndpoints'>): boolean {
  return [clusterEndpoints, localEndpoints].some((set) =>
    set.some(({ weight = DEFAULT_WEIGHT }) => weight !== DEFAULT_WEIGHT),
  );
}

function sourceRangesOf({ frontends }: Specified): readonly string[] {
  const ranges = frontends.flatMap((frontend) =>
    frontend.kind === 'load-balancer' ? (frontend.sourceRanges?.cidrs ?? []) : [],
  );
  return [...new Set(ranges)];
}

/** Those that are not the default, in ascending order. */
function weightTexts({ clusterEndpoints, localEndpoints }: Specified): string {
  const weights = [...clusterEndpoints, ...localEndpoints].map(({ weight = DEFAULT_WEIGHT }) => weight);
  return [...new Set(weights)]
    .filter((weight) => weight !== DEFAULT_WEIGHT)
    .sort((one, other) => one - other)
    .map((weight) => `"${weight}"`)
    .join(', ');
}

/** As annotations: the interval of checks belongs to `health-check: tcp`. */
function connectionTexts(connections: ConnectionPolicy): string {
  const fields = Object.entries(connections) as [keyof ConnectionPolicy, number][];
  return fields
    .map(([field, value]) => `${annotationField(CONNECTION_ANNOTATIONS[field])} "${valueText(field, value)}"`)
    .join(', ');
}

function valueText(field: keyof ConnectionPolicy, value: number): string {
  if (field === 'checkInterval') return 'tcp';
  return field.endsWith('Timeout') ? formatDuration(value) : String(value);
}
