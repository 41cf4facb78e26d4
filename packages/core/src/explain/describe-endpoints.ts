import type { DesiredServicePort } from '../desired/desired-state.ts';
import { DEFAULT_WEIGHT } from '../model/balancing.ts';
import { READY, SERVING, TERMINATING, type SliceModel } from '../model/endpoint-slice.ts';
import type { ServicePortName } from '../model/service-port-name.ts';
import { isReady, isServingTerminating, type Candidate } from '../select/candidate.ts';
import type { NodeLocation } from '../select/topology.ts';
import type { PolicyUse } from '../select/traffic-policy.ts';
import type { EndpointDescription, EndpointUse } from './service-description.ts';

/** Input of the selection of endpoints of one service port in one family. */
export interface EndpointContext {
  readonly port: ServicePortName;
  readonly slices: readonly SliceModel[];
  /** Sorted; those that `built` was built from, whether or not the Service may use them. */
  readonly candidates: readonly Candidate[];
  readonly built: Pick<DesiredServicePort, 'clusterEndpoints' | 'localEndpoints'>;
  /** The Service is labelled as headless (S29). */
  readonly headless: boolean;
  readonly use: PolicyUse;
  readonly location: NodeLocation;
  readonly zoneOf: (node: string) => string | null;
}

type Verdict = Pick<EndpointDescription, 'reason' | 'rule'>;

/** `http (TCP)`; `unnamed (TCP)`. */
export function portText({ port, protocol }: Pick<ServicePortName, 'port' | 'protocol'>): string {
  return `${port === '' ? 'unnamed' : port} (${protocol})`;
}

/** `web (TCP), metrics (TCP)`; empty if the slices have no port. */
export function slicePortsText(slices: readonly SliceModel[]): string {
  const texts = slices.flatMap(({ ports }) =>
    ports.map(({ name, protocol }) => portText({ port: name, protocol })),
  );
  return [...new Set(texts)].join(', ');
}

function placeOf({ node }: Candidate): string {
  return node === '' ? 'runs on an unknown node' : `runs on node ${node}`;
}

function hintsElsewhere({ hints }: Candidate, { zone }: NodeLocation): string {
  const named = [
    ...(hints?.zones ?? []).map((name) => `zone ${name}`),
    ...(hints?.nodes ?? []).map((name) => `node ${name}`),
  ];
  const here = zone === null ? 'no zone' : `zone ${zone}`;
  return `its topology hints are for ${named.join(', ')}; this node is in ${here}`;
}

function notReady(candidate: Candidate, { use }: EndpointContext): Verdict {
  if (isServingTerminating(candidate)) {
    const isElsewhere = !use.cluster && !candidate.endpoint.isLocal;
    if (isElsewhere) return { reason: `terminating, and ${placeOf(candidate)}`, rule: 'S7' };
    const reason = 'terminating: used only while no endpoint is ready';
    return { reason, rule: use.cluster ? 'S6' : 'S7' };
  }
  const isEnding = (candidate.conditions & TERMINATING) !== 0;
  return { reason: isEnding ? 'terminating, and no longer serving' : 'not ready', rule: 'S12' };
}

/** The order is that of the selection: conditions, policy, topology. */
function unused(candidate: Candidate, context: EndpointContext): Verdict {
  if (context.headless) {
    return { reason: 'the Service has the label service.kubernetes.io/headless', rule: 'S29' };
  }
  if (!isReady(candidate)) return notReady(candidate, context);
  if (context.use.cluster) return { reason: hintsElsewhere(candidate, context.location), rule: 'S9' };
  return { reason: `${placeOf(candidate)}: not used with traffic policy Local`, rule: 'S4' };
}

function used(candidate: Candidate, use: EndpointUse, context: EndpointContext): Verdict {
  if (!isReady(candidate)) {
    const scope = use === 'local' ? 'endpoint on this node' : 'endpoint';
    return {
      reason: `serving while it terminates: no ${scope} is ready`,
      rule: use === 'local' ? 'S7' : 'S6',
    };
  }
  if (use === 'both') return { reason: 'ready, on this node', rule: 'S7' };
  if (use === 'local') {
    if (!context.use.cluster) return { reason: 'ready, on this node', rule: 'S7' };
    const elsewhere = hintsElsewhere(candidate, context.location);
    return { reason: `used with traffic policy Local only: ${elsewhere}`, rule: 'S8' };
  }
  if (!context.use.local) return { reason: 'ready', rule: 'S6' };
  return { reason: `${placeOf(candidate)}: not used with traffic policy Local`, rule: 'S13' };
}

function conditionsOf(bits: number): EndpointDescription['conditions'] {
  return {
    ready: (bits & READY) !== 0,
    serving: (bits & SERVING) !== 0,
    terminating: (bits & TERMINATING) !== 0,
  };
}

function where(node: string, { zoneOf }: EndpointContext): Pick<EndpointDescription, 'node' | 'zone'> {
  return node === '' ? { node: null, zone: null } : { node, zone: zoneOf(node) };
}

function useOf(isInCluster: boolean, isInLocal: boolean): EndpointUse {
  if (isInCluster) return isInLocal ? 'both' : 'cluster';
  return isInLocal ? 'local' : 'none';
}

/** Of slices that have no port for this service port. */
function mismatched(context: EndpointContext): EndpointDescription[] {
  const { port, slices, candidates } = context;
  const known = new Set(candidates.map(({ endpoint }) => endpoint.address));
  const found = new Map<string, EndpointDescription>();
  for (const slice of slices) {
    const others = slicePortsText([slice]) || 'none';
    const reason = `EndpointSlice ${slice.key} has no port ${portText(port)}; its ports: ${others}`;
    for (const { address, nodeName, conditions, hints } of slice.endpoints) {
      if (known.has(address) || found.has(address)) continue;
      const conditionsText = conditionsOf(conditions);
      const verdict = { use: 'none', reason, rule: 'F131' } as const;
      found.set(address, {
        address,
        port: null,
        ...where(nodeName, context),
        hints,
        weight: slice.weight ?? DEFAULT_WEIGHT,
        conditions: conditionsText,
        ...verdict,
      });
    }
  }
  return [...found.values()];
}

/** Every endpoint of the Service's slices in one family, and why one service port uses it or does not. */
export function describeEndpoints(context: EndpointContext): EndpointDescription[] {
  const cluster = new Set(context.built.clusterEndpoints);
  const local = new Set(context.built.localEndpoints);
  const matched = context.candidates.map((candidate): EndpointDescription => {
    const { endpoint, node, hints, conditions } = candidate;
    const use = useOf(cluster.has(endpoint), local.has(endpoint));
    const verdict = use === 'none' ? unused(candidate, context) : used(candidate, use, context);
    return {
      address: endpoint.address,
      port: endpoint.port,
      ...where(node, context),
      hints,
      weight: endpoint.weight ?? DEFAULT_WEIGHT,
      conditions: conditionsOf(conditions),
      use,
      ...verdict,
    };
  });
  return [...matched, ...mismatched(context)];
}
