/** What a Service specifies about load balancing and a proxy mode does not support. */
import type { BalancingSupport } from '../backend.ts';
import { annotationField } from '../decode/annotations.ts';
import type { DesiredServicePort } from '../desired/desired-state.ts';
import { CONNECTION_ANNOTATIONS, type ConnectionPolicy } from '../model/connection-policy.ts';
import { DEFAULT_WEIGHT, LOAD_BALANCING_ANNOTATION, WEIGHT_ANNOTATION } from '../model/balancing.ts';
import { PROXY_PROTOCOL_ANNOTATION } from '../model/proxy-protocol.ts';

/** A proxy mode, for messages, and the load balancing that it supports. */
export interface ModeBalancing {
  readonly mode: string;
  readonly support: BalancingSupport;
}

/** Of one service port; one line for each annotation. */
export function unsupportedBalancing(
  port: Pick<
    DesiredServicePort,
    'balancing' | 'connections' | 'proxyProtocol' | 'clusterEndpoints' | 'localEndpoints'
  >,
  { mode, support }: ModeBalancing,
): readonly string[] {
  const { balancing, connections, proxyProtocol } = port;
  const lines: string[] = [];
  if (balancing !== null && !support.algorithms.includes(balancing)) {
    const field = annotationField(LOAD_BALANCING_ANNOTATION);
    lines.push(`${field} "${balancing}" is not supported in mode ${mode}: ${support.default} is used`);
  }
  if (!support.weights && hasWeights(port)) {
    const field = `${annotationField(WEIGHT_ANNOTATION)} of EndpointSlices`;
    lines.push(`${field} is not supported in mode ${mode}: endpoints get equal shares`);
  }
  if (connections !== undefined && support.connections !== true) {
    const fields = Object.keys(connections) as (keyof ConnectionPolicy)[];
    const names = fields.map((field) => annotationField(CONNECTION_ANNOTATIONS[field])).join(', ');
    lines.push(`${names}: not supported in mode ${mode}, which does not open connections itself`);
  }
  if (proxyProtocol !== undefined && support.proxyProtocol !== true) {
    const field = annotationField(PROXY_PROTOCOL_ANNOTATION);
    lines.push(
      `${field} "${proxyProtocol}" is not supported in mode ${mode}: connections to endpoints have no header`,
    );
  }
  return lines;
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
