/** The state that `signalbox status` prints, as gauges: counted at each scrape. */
import type { StatusAnswer } from '../inspect/answers.ts';
import type { Registry } from './registry.ts';

type State = Pick<StatusAnswer, 'services' | 'api'>;

export function registerStateMetrics(registry: Registry, status: () => State): void {
  const services = (name: string, help: string) =>
    registry.gauge({ name: `kubeproxy_services${name}`, help: `[ALPHA] ${help}` });
  const known = services('', 'Services received by this node, served or not');
  const withoutEndpoints = services(
    '_without_endpoints',
    'Services with a port that rejects connections, because no endpoint is usable',
  );
  const refused = services('_refused', 'Services with a port that the kernel or its tool refused');
  const conflicting = services('_conflicting', 'Services that lost an address or port to another Service');
  const age = registry.gauge({
    name: 'kubeproxy_api_last_contact_age_seconds',
    help: '[ALPHA] Seconds since the last answer, event or bookmark of the API server, by resource',
    labels: ['resource'],
  });
  registry.onCollect(() => {
    const { services: counts, api } = status();
    known.set(counts.total);
    withoutEndpoints.set(counts.withoutEndpoints);
    refused.set(counts.refused);
    conflicting.set(counts.conflicting);
    for (const { resource, ageSeconds } of api?.resources ?? [])
      if (ageSeconds !== null) age.set(ageSeconds, { resource });
  });
}
