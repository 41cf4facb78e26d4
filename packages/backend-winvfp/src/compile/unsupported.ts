/** Features of a service port that this mode does not support, by frontend and source: for logs, `explain` and tests. */
import type { DesiredServicePort, Frontend, Route, RouteSource } from '@signalbox/core';
import { LOAD_BALANCER_FLAGS } from '../objects/hcn-documents.ts';
import type { CompileContext, DesiredLoadBalancer } from '../objects/desired.ts';
import { frontendName } from './names.ts';
import { onePort, targetOf } from './load-balancing.ts';
import { NO_ENDPOINTS_REASON } from './no-endpoints.ts';
import { nodePortReason } from './node-ports.ts';
import { compileService } from './service-dispatch.ts';

const NO_SOURCE_FILTER = 'HNS load balancers have no source filter: every source may connect';

/** A feature of one frontend that HNS does not support, and the reason. */
export interface Unsupported {
  /** `10.96.0.10:80/tcp`. */
  readonly frontend: string;
  /** The source whose packets are handled differently from the decision. */
  readonly source: RouteSource;
  /** The clause of docs/service-semantics.md, where a route names one. */
  readonly rule: string;
  readonly reason: string;
}

/** Lists what HNS does not support of a service port; empty: it is supported completely. */
export function unsupportedOf(port: DesiredServicePort, context: CompileContext): readonly Unsupported[] {
  const compiled = compileService(port, null, context);
  return port.frontends.flatMap((frontend) => {
    const address = frontend.kind === 'node-port' ? '' : frontend.address;
    const name = frontendName(address, frontend.port, port.name.protocol);
    const installed = compiled.loadBalancers.find((entry) => entry.frontend === name);
    const general = generalReasons(port, frontend, context).map((reason) => ({
      frontend: name,
      source: 'any' as const,
      rule: '',
      reason,
    }));
    const routes = frontend.routes.flatMap((route) => {
      const reason = routeReason(route, frontend, installed);
      return reason === null ? [] : [{ frontend: name, source: route.source, rule: route.rule, reason }];
    });
    return [...general, ...routes];
  });
}

function generalReasons(
  port: DesiredServicePort,
  frontend: Frontend,
  context: CompileContext,
): readonly string[] {
  const mixed = onePort(port.clusterEndpoints).length < port.clusterEndpoints.length;
  const reasons: readonly (string | null)[] = [
    frontend.kind === 'load-balancer' && frontend.sourceRanges !== null ? NO_SOURCE_FILTER : null,
    frontend.kind === 'node-port' ? nodePortReason(context.nodePorts) : null,
    port.affinity === null ? null : 'session affinity has no timeout in HNS',
    localIgnored(frontend, context) ? 'without DSR in this HNS policy Local goes to all endpoints' : null,
    mixed ? 'a load balancer has one internal port: endpoints with another port are left out' : null,
  ];
  return reasons.filter((reason) => reason !== null);
}

function localIgnored(frontend: Frontend, context: CompileContext): boolean {
  return frontend.kind !== 'cluster-ip' && targetOf(frontend) === 'local' && !context.features.dsr;
}

function routeReason(
  route: Route,
  frontend: Frontend,
  installed: DesiredLoadBalancer | undefined,
): string | null {
  const last = targetOf(frontend);
  if (route.target === 'pass' && installed === undefined) return null;
  if (installed === undefined) {
    return route.source === 'any' ? NO_ENDPOINTS_REASON : 'there is no load balancer for the other sources';
  }
  if (route.target !== last) return `HNS cannot distinguish sources: all go to the ${last} endpoints`;
  const dsr = ((installed.settings.Flags ?? 0) & LOAD_BALANCER_FLAGS.dsr) !== 0;
  if (dsr && route.masquerade) return 'with DSR the endpoint sees the client';
  if (!dsr && !route.masquerade) return 'without DSR the endpoint sees this node';
  return null;
}
