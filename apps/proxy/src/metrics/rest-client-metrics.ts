import type { RequestReport } from '../compose/measured-client.ts';
import type { Registry } from './registry.ts';

const BUCKETS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60];

/** Requests to the API server, under the names that every Kubernetes component has for them. */
export function registerRestClientMetrics(registry: Registry): (report: RequestReport) => void {
  const total = registry.counter({
    name: 'rest_client_requests_total',
    help: '[ALPHA] HTTP requests to the API server, by status code, method and host',
    labels: ['code', 'host', 'method'],
  });
  const duration = registry.histogram({
    name: 'rest_client_request_duration_seconds',
    help: '[ALPHA] Seconds to the head of the answer, by verb and host',
    labels: ['host', 'verb'],
    buckets: BUCKETS,
  });
  return ({ method, host, code, seconds }) => {
    total.inc({ code, host, method });
    duration.observe(seconds, { host, verb: method });
  };
}
