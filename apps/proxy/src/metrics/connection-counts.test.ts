import { describe, expect, it } from 'vitest';
import { connectionMetrics, registerConnectionCounts, type ConnectionCounts } from './connection-counts.ts';
import { createRegistry } from './registry.ts';

const COUNTS: ConnectionCounts = {
  open: 1,
  forwarded: 2,
  refused: 3,
  overflow: 4,
  unserved: 5,
  failedAttempts: 6,
  upstream: {
    upstream_cx_active: 11,
    upstream_cx_overflow: 12,
    upstream_cx_connect_fail: 13,
    upstream_cx_connect_timeout: 14,
    upstream_rq_pending_overflow: 15,
    upstream_rq_retry_overflow: 16,
    outlier_detection_ejections_active: 17,
    outlier_detection_ejections_enforced: 18,
    outlier_detection_ejections_overflow: 19,
    health_check_attempt: 20,
    health_check_failure: 21,
  },
};

describe('counts of connections through the process', () => {
  it('are metrics by family, limits and ejections with the names of Envoy', async () => {
    const registry = createRegistry();
    const backend = { connectionCounts: () => Promise.resolve(COUNTS) };
    registerConnectionCounts(registry, connectionMetrics(registry), () => new Map([['IPv4', backend]]));
    const text = await registry.text();
    const samples = text.split('\n').filter((line) => line.startsWith('signalbox_userspace_'));
    const wanted = Object.entries(COUNTS.upstream).map(
      ([name, value]) =>
        `signalbox_userspace_${name}${name.endsWith('_active') ? '' : '_total'}{ip_family="IPv4"} ${value}`,
    );
    expect(samples.sort()).toEqual(wanted.sort());
    expect(text).toContain('# TYPE signalbox_userspace_upstream_cx_overflow_total counter');
    expect(text).toContain('# TYPE signalbox_userspace_upstream_cx_active gauge');
    expect(text).toContain('kubeproxy_userspace_connections{ip_family="IPv4"} 1');
  });
});
