import { backendError, createModel, NOTHING_DONE, type SyncResult } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import { IPTABLES } from '../modes/iptables.ts';
import { KERNELSPACE } from '../modes/kernelspace.ts';
import { NFTABLES } from '../modes/nftables.ts';
import { modelConfig } from '../sync/model-config.ts';
import { settingsOf } from '../testing/settings.ts';
import { createProxyMetrics } from './proxy-metrics.ts';
import { recordSync } from './record-sync.ts';
import { createRegistry } from './registry.ts';

function metricsAfter(result: Partial<SyncResult>, mode = IPTABLES): Promise<string> {
  const registry = createRegistry();
  const state = createModel(modelConfig(settingsOf([]))).state('IPv4');
  recordSync(
    createProxyMetrics(registry, () => mode),
    'IPv4',
    {
      reason: 'change',
      result: { ...NOTHING_DONE, scope: 'full', ...result },
      state,
      startedAt: 10_000,
      endedAt: 10_300,
      triggerTimes: [9000],
      morePending: false,
    },
  );
  return registry.text();
}

describe('what a sync leaves in the metrics', () => {
  it('F147 F148 F150 F152 S53: a full sync', async () => {
    const text = await metricsAfter({});
    expect(text).toContain(
      'kubeproxy_sync_proxy_rules_duration_seconds_bucket{le="0.256",ip_family="IPv4"} 0',
    );
    expect(text).toContain(
      'kubeproxy_sync_proxy_rules_duration_seconds_bucket{le="0.512",ip_family="IPv4"} 1',
    );
    expect(text).toContain('kubeproxy_sync_full_proxy_rules_duration_seconds_sum{ip_family="IPv4"} 0.3');
    expect(text).not.toContain('kubeproxy_sync_partial_proxy_rules_duration_seconds_sum');
    expect(text).toContain('kubeproxy_sync_proxy_rules_last_timestamp_seconds{ip_family="IPv4"} 10.3');
    expect(text).toContain('kubeproxy_network_programming_duration_seconds_sum{ip_family="IPv4"} 1.3');
  });

  it('F149: a partial sync', async () => {
    const text = await metricsAfter({ scope: 'partial' });
    expect(text).toContain('kubeproxy_sync_partial_proxy_rules_duration_seconds_count{ip_family="IPv4"} 1');
    expect(text).not.toContain('kubeproxy_sync_full_proxy_rules_duration_seconds_count');
  });

  it('counts repairs by kind, and the service ports that were refused', async () => {
    const refused = { key: 'shop/web:http/TCP', error: backendError('rejected', 'sync', 'refused') };
    const drift = { kind: 'missing', type: 'chain', name: 'KUBE-SERVICES' } as const;
    const text = await metricsAfter({ outcome: 'partial', failures: [refused], repaired: [drift, drift] });
    expect(text).toContain('kubeproxy_drift_repaired_total{ip_family="IPv4",kind="missing"} 2');
    expect(text).toContain('kubeproxy_drift_repaired_total{ip_family="IPv4",kind="altered"} 0');
    expect(text).toContain('kubeproxy_service_ports_refused{ip_family="IPv4"} 1');
  });

  it('F158 F159: a failed restore is counted, and no success is claimed', async () => {
    const error = backendError('rejected', 'iptables-restore', 'line 3 failed');
    const text = await metricsAfter({ outcome: 'failed', scope: 'partial', error });
    expect(text).toContain('kubeproxy_sync_proxy_rules_iptables_restore_failures_total{ip_family="IPv4"} 1');
    expect(text).toContain(
      'kubeproxy_sync_proxy_rules_iptables_partial_restore_failures_total{ip_family="IPv4"} 1',
    );
    expect(text).not.toContain('last_timestamp_seconds{');
    expect(text).not.toContain('network_programming_duration_seconds_count');
  });

  const PREFIX = /^kubeproxy_(?:sync_proxy_rules_)?/;
  const SCOPES = ['none', 'full', 'partial'] as const;
  const ENDS = [
    { outcome: 'ok' },
    { outcome: 'partial' },
    { outcome: 'failed', error: backendError('busy', 'iptables-restore', 'locked') },
    { outcome: 'failed', error: backendError('busy', 'iptables-save', 'locked') },
  ] as const;
  const EVERY = SCOPES.flatMap((scope) => ENDS.map((end) => ({ scope, ...end })));
  it.each(EVERY)('F147-F159: exactly these metrics have a value: %#', async (result) => {
    const { scope, outcome } = result;
    const text = await metricsAfter(result);
    const names = text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => line.replace(/(?:_bucket|_sum|_count)?[{ ].*$/, '').replace(PREFIX, ''));
    const isRestore = 'error' in result && result.error.operation === 'iptables-restore';
    const succeeded = ['network_programming_duration_seconds', 'service_ports_refused'];
    const expected = [
      'duration_seconds',
      'drift_repaired_total',
      ...(scope === 'none' ? [] : [`sync_${scope}_proxy_rules_duration_seconds`]),
      ...(outcome === 'failed' ? [] : [...succeeded, 'last_timestamp_seconds', 'no_local_endpoints_total']),
      ...(isRestore ? ['iptables_restore_failures_total'] : []),
      ...(isRestore && scope === 'partial' ? ['iptables_partial_restore_failures_total'] : []),
    ];
    // Counters without labels begin at zero.
    const always = (name: string): boolean => /_pending$|_changes_total$|packets_total$/.test(name);
    expect([...new Set(names)].filter((name) => !always(name)).sort()).toEqual(expected.sort());
  });

  it('F160 F161: rules held and written by the iptables backend', async () => {
    const text = await metricsAfter({
      counters: { rulesTotalNat: 12, rulesTotalFilter: 4, rulesWrittenNat: 3, rulesWrittenFilter: 0 },
    });
    expect(text).toContain('kubeproxy_sync_proxy_rules_iptables_total{ip_family="IPv4",table="nat"} 12');
    expect(text).toContain('kubeproxy_sync_proxy_rules_iptables_last{ip_family="IPv4",table="nat"} 3');
    expect(text).toContain('kubeproxy_sync_proxy_rules_iptables_last{ip_family="IPv4",table="filter"} 0');
  });

  it('F173: writes of load balancers that failed, by type and error', async () => {
    const counters = {
      'create-load-balancer': 5,
      'create-load-balancer/healthcheck/port_already_exists': 2,
      'modify-load-balancer/clusterip/other': 1,
      'delete-load-balancer/nodeport/other': 3,
      'delete-endpoint': 1,
    };
    const text = await metricsAfter({ counters }, KERNELSPACE);
    const samples = [...text.matchAll(/winkernel_lb_(\w+)_failures_total\{(.*)\} (\d+)/g)];
    expect(samples.map(([, write, labels, count]) => `${write} ${labels} ${count}`)).toEqual([
      'create error="port_already_exists",ip_family="IPv4",lb_type="healthcheck" 2',
      'delete error="other",ip_family="IPv4",lb_type="nodeport" 3',
      'update error="other",ip_family="IPv4",lb_type="clusterip" 1',
    ]);
  });

  it('F164 F165: syncs and removals that fail in nftables mode', async () => {
    const name = (of: string) => `kubeproxy_sync_proxy_rules_nftables_${of}_failures_total{ip_family="IPv4"}`;
    const error = backendError('rejected', 'NFT_MSG_NEWRULE', 'Invalid argument');
    const failed = await metricsAfter({ outcome: 'failed', error }, NFTABLES);
    expect(failed).toContain(`${name('sync')} 1`);
    expect(failed).not.toContain(name('cleanup'));
    const late = await metricsAfter({ counters: { cleanupFailures: 2 } }, NFTABLES);
    expect(late).toContain(`${name('cleanup')} 2`);
    expect(late).not.toContain(name('sync'));
  });
});
