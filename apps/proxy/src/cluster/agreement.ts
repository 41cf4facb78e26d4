/** Which nodes see the same, and which differ from most. */
import type { ServiceAnswer, ServiceSummary } from '../inspect/answers.ts';

export interface Seen<T> {
  readonly node: string;
  readonly value: T;
}

export interface Group<T> {
  readonly nodes: readonly string[];
  /** Of the first node. */
  readonly value: T;
}

/** Nodes with the same text; the smallest groups first, so that most nodes come last. */
export function groupBy<T>(seen: readonly Seen<T>[], text: (value: T) => string): readonly Group<T>[] {
  const groups = new Map<string, { nodes: string[]; value: T }>();
  for (const { node, value } of seen) {
    const key = text(value);
    const group = groups.get(key) ?? { nodes: [], value };
    group.nodes.push(node);
    groups.set(key, group);
  }
  return [...groups.values()].sort((a, b) => a.nodes.length - b.nodes.length);
}

/** Of a Service, as far as every node has to see the same: `use` of endpoints depends on node and zone. */
function sharedParts({ description }: ServiceAnswer): Readonly<Record<string, unknown>> {
  const { found, type, policies, externalFailover, affinity, balancing } = description;
  const { sourceRanges, healthCheckNodePort, ports } = description;
  const policy = { policies, externalFailover, affinity, balancing };
  return {
    Service: { found, type, ...policy, sourceRanges, healthCheckNodePort },
    'service ports': ports.map(({ key, family, port, nodePort }) => ({ key, family, port, nodePort })),
    frontends: ports.map(({ key, family, frontends }) => ({
      key,
      family,
      frontends: frontends.map(({ kind, address, port, state, lostTo }) => ({
        kind,
        address,
        port,
        state,
        lostTo,
      })),
    })),
    endpoints: ports.map(({ key, family, endpoints }) => ({
      key,
      family,
      endpoints: endpoints.map(({ address, port, node, weight, conditions }) => ({
        address,
        port,
        node,
        weight,
        conditions,
      })),
    })),
  };
}

export function sharedText(answer: ServiceAnswer): string {
  return JSON.stringify(sharedParts(answer));
}

/** The parts in which two nodes differ: `frontends`, `endpoints`. */
export function differingParts(a: ServiceAnswer, b: ServiceAnswer): readonly string[] {
  const [left, right] = [sharedParts(a), sharedParts(b)];
  return Object.keys(left).filter((part) => JSON.stringify(left[part]) !== JSON.stringify(right[part]));
}

export interface Disagreement {
  /** `namespace/name` */
  readonly service: string;
  readonly groups: readonly { readonly nodes: readonly string[]; readonly view: string }[];
}

const ABSENT = 'does not exist';

function view({ served, diagnosis, clusterIPs, endpoints }: ServiceSummary): string {
  const addresses = clusterIPs.length === 0 ? '' : ` on ${clusterIPs.join(', ')}`;
  return served ? `served${addresses}, endpoints: ${endpoints.total}` : `not served: ${diagnosis}`;
}

/** Services that some nodes see in another way than others, by name. */
export function disagreements(seen: readonly Seen<readonly ServiceSummary[]>[]): readonly Disagreement[] {
  const views = new Map<string, Map<string, string>>();
  for (const { node, value } of seen) {
    for (const summary of value) {
      const key = `${summary.namespace}/${summary.name}`;
      const nodes = views.get(key) ?? new Map<string, string>();
      nodes.set(node, view(summary));
      views.set(key, nodes);
    }
  }
  const all = [...views].map(([service, byNode]) => ({
    service,
    groups: groupBy(
      seen.map(({ node }) => ({ node, value: byNode.get(node) ?? ABSENT })),
      (text) => text,
    ).map(({ nodes, value }) => ({ nodes, view: value })),
  }));
  return all.filter(({ groups }) => groups.length > 1).sort((a, b) => (a.service < b.service ? -1 : 1));
}
