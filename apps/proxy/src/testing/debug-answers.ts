/** Answers of the debug routes as a proxy on one node gives them. */
import type { RequestListener } from 'node:http';
import type { ExplainAnswer } from '../commands/explain-question.ts';
import type { DifferenceAnswer, ServiceAnswer, ServiceSummary, StatusAnswer } from '../inspect/answers.ts';

export function status(node: string, more: Partial<StatusAnswer> = {}): StatusAnswer {
  return {
    mode: 'nftables',
    node,
    version: 'v0.1.0',
    startedAt: '2026-01-01T00:00:00.000Z',
    state: 'ready',
    waitingFor: [],
    problems: [],
    families: [],
    services: { total: 1, programmed: 1, refused: 0, withoutEndpoints: 0, conflicting: 0 },
    api: { connected: true, resources: [] },
    ...more,
  };
}

export function summary(more: Partial<ServiceSummary> = {}): ServiceSummary {
  return {
    namespace: 'shop',
    name: 'web',
    type: 'ClusterIP',
    served: true,
    diagnosis: 'Served',
    clusterIPs: ['10.96.0.10'],
    endpoints: { used: 2, total: 2 },
    ...more,
  };
}

type Description = ServiceAnswer['description'];
type Endpoint = Description['ports'][number]['endpoints'][number];

export function endpoint(address: string, more: Partial<Endpoint> = {}): Endpoint {
  return {
    address,
    port: 8080,
    node: 'node-1',
    zone: null,
    hints: null,
    weight: 1,
    conditions: { ready: true, serving: true, terminating: false },
    use: 'cluster',
    reason: 'ready',
    rule: 'S6',
    ...more,
  };
}

function description(node: string, endpoints: readonly Endpoint[]): Description {
  return {
    namespace: 'shop',
    name: 'web',
    found: true,
    type: 'cluster-ip' as NonNullable<Description['type']>,
    policies: { internal: 'cluster', external: 'cluster' },
    externalFailover: null,
    affinity: null,
    balancing: null,
    sourceRanges: [],
    healthCheckNodePort: null,
    node: { name: node, known: true, zone: null, nodePortAddresses: [] },
    families: [],
    ports: [
      {
        key: 'shop/web:http',
        name: 'http',
        protocol: 'TCP',
        family: 'IPv4',
        port: 80,
        nodePort: null,
        frontends: [],
        endpoints,
        served: true,
        reason: null,
      },
    ],
    problems: [],
    served: true,
    reason: null,
  };
}

export function service(
  node: string,
  endpoints: readonly Endpoint[],
  more: Partial<ServiceAnswer> = {},
): ServiceAnswer {
  return {
    description: description(node, endpoints),
    diagnosis: 'Served by 2 endpoints',
    served: true,
    failures: [],
    kernel: null,
    ...more,
  };
}

export function explanation(kind: 'forward' | 'drop'): ExplainAnswer {
  const outcome =
    kind === 'drop'
      ? { kind }
      : { kind, destinations: [{ address: '10.244.1.5', port: 8080, masquerade: false }] };
  return {
    family: 'IPv4',
    mode: 'nftables',
    link: '',
    affinity: null,
    unusedEndpoints: [],
    warnings: [],
    packet: { source: '10.244.1.9' } as ExplainAnswer['packet'],
    explanation: {
      outcome,
      servicePort: 'shop/web:http',
      reason: kind === 'drop' ? 'no endpoint on this node' : 'any endpoint',
      rule: 'S21',
    } as unknown as ExplainAnswer['explanation'],
  };
}

export function difference(lines: readonly string[]): DifferenceAnswer {
  return { families: [{ family: 'IPv4', mode: 'nftables', lines, error: null }] };
}

/** By path without the query. A path that is not among them: 404 as the metrics address answers it. */
export function answering(answers: Readonly<Record<string, unknown>>): RequestListener {
  return (request, response) => {
    const [path = ''] = (request.url ?? '').split('?');
    if (!Object.hasOwn(answers, path)) {
      response.writeHead(404, { 'Content-Type': 'text/plain; charset=utf-8' });
      response.end('404 page not found\n');
      return;
    }
    response.writeHead(200, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify(answers[path]));
  };
}

export function node(name: string, services: readonly ServiceSummary[] = [summary()]): RequestListener {
  return answering({ '/debug/status': status(name), '/debug/services': { services } });
}
