import { describe, expect, it } from 'vitest';
import { chooseMode } from '../modes/choose-mode.ts';
import { MODES } from '../modes/index.ts';
import type { ProxyMode } from '../modes/proxy-mode.ts';
import { createProxyMetrics, PROGRAMMING_BUCKETS, SYNC_BUCKETS, type ProxyMetrics } from './proxy-metrics.ts';
import { createRegistry } from './registry.ts';

const FAMILY = { ip_family: 'IPv4' };
const E15 = SYNC_BUCKETS.length;
const LOAD_BALANCER = { lb_type: 'nodeport', error: 'other', ...FAMILY };
const NPL = PROGRAMMING_BUCKETS.length;

/** kube-proxy's names, types and labels; the call that makes each of them appear. */
const ROWS: readonly (readonly [string, string, string, string, (metrics: ProxyMetrics) => void])[] = [
  [
    'F164: ',
    'kubeproxy_sync_proxy_rules_nftables_sync_failures_total',
    'counter',
    'ip_family',
    (m) => m.syncFailures.inc(FAMILY),
  ],
  [
    'F165: ',
    'kubeproxy_sync_proxy_rules_nftables_cleanup_failures_total',
    'counter',
    'ip_family',
    (m) => m.cleanupFailures.inc(FAMILY),
  ],
  [
    'F147: ',
    'kubeproxy_sync_proxy_rules_duration_seconds',
    'histogram',
    'ip_family',
    (m) => m.syncDuration.observe(1, FAMILY),
  ],
  [
    'F148: ',
    'kubeproxy_sync_full_proxy_rules_duration_seconds',
    'histogram',
    'ip_family',
    (m) => m.syncFullDuration.observe(1, FAMILY),
  ],
  [
    'F149: ',
    'kubeproxy_sync_partial_proxy_rules_duration_seconds',
    'histogram',
    'ip_family',
    (m) => m.syncPartialDuration.observe(1, FAMILY),
  ],
  [
    'F150: ',
    'kubeproxy_sync_proxy_rules_last_timestamp_seconds',
    'gauge',
    'ip_family',
    (m) => m.syncLast.set(1, FAMILY),
  ],
  [
    'F151: ',
    'kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds',
    'gauge',
    'ip_family',
    (m) => m.syncLastQueued.set(1, FAMILY),
  ],
  [
    'F152: ',
    'kubeproxy_network_programming_duration_seconds',
    'histogram',
    'ip_family',
    (m) => m.networkProgramming.observe(1, FAMILY),
  ],
  [
    'F153: ',
    'kubeproxy_sync_proxy_rules_endpoint_changes_pending',
    'gauge',
    '',
    (m) => m.endpointChangesPending.set(1),
  ],
  [
    'F154: ',
    'kubeproxy_sync_proxy_rules_endpoint_changes_total',
    'counter',
    '',
    (m) => m.endpointChanges.inc(),
  ],
  [
    'F155: ',
    'kubeproxy_sync_proxy_rules_service_changes_pending',
    'gauge',
    '',
    (m) => m.serviceChangesPending.set(1),
  ],
  [
    'F156: ',
    'kubeproxy_sync_proxy_rules_service_changes_total',
    'counter',
    '',
    (m) => m.serviceChanges.inc(),
  ],
  [
    'F157: ',
    'kubeproxy_sync_proxy_rules_no_local_endpoints_total',
    'gauge',
    'traffic_policy,ip_family',
    (m) => m.noLocalEndpoints.set(1, { traffic_policy: 'internal', ...FAMILY }),
  ],
  [
    'F158: ',
    'kubeproxy_sync_proxy_rules_iptables_restore_failures_total',
    'counter',
    'ip_family',
    (m) => m.restoreFailures.inc(FAMILY),
  ],
  [
    'F159: ',
    'kubeproxy_sync_proxy_rules_iptables_partial_restore_failures_total',
    'counter',
    'ip_family',
    (m) => m.partialRestoreFailures.inc(FAMILY),
  ],
  [
    'F160: ',
    'kubeproxy_sync_proxy_rules_iptables_total',
    'gauge',
    'table,ip_family',
    (m) => m.iptablesRules.set(1, { table: 'nat', ...FAMILY }),
  ],
  [
    'F161: ',
    'kubeproxy_sync_proxy_rules_iptables_last',
    'gauge',
    'table,ip_family',
    (m) => m.iptablesRulesLast.set(1, { table: 'nat', ...FAMILY }),
  ],
  [
    'F162: ',
    'kubeproxy_iptables_ct_state_invalid_dropped_packets_total',
    'counter',
    '',
    (m) => m.invalidDropped.set(1),
  ],
  [
    'F163: ',
    'kubeproxy_iptables_localhost_nodeports_accepted_packets_total',
    'counter',
    '',
    (m) => m.localhostNodePorts.set(1),
  ],
  ['F166: ', 'kubeproxy_proxy_healthz_total', 'counter', 'code', (m) => m.healthz.inc({ code: '200' })],
  ['F166: ', 'kubeproxy_proxy_livez_total', 'counter', 'code', (m) => m.livez.inc({ code: '503' })],
  [
    'F167: ',
    'kubeproxy_conntrack_reconciler_sync_duration_seconds',
    'histogram',
    'ip_family',
    (m) => m.conntrackDuration.observe(1, FAMILY),
  ],
  [
    'F168: ',
    'kubeproxy_conntrack_reconciler_deleted_entries_total',
    'counter',
    'ip_family',
    (m) => m.conntrackDeleted.inc(FAMILY),
  ],
  [
    'F173: ',
    'kubeproxy_sync_proxy_rules_winkernel_lb_create_failures_total',
    'counter',
    'ip_family,lb_type,error',
    (m) => m.loadBalancerCreateFailures.inc(LOAD_BALANCER),
  ],
  [
    'F173: ',
    'kubeproxy_sync_proxy_rules_winkernel_lb_update_failures_total',
    'counter',
    'ip_family,lb_type,error',
    (m) => m.loadBalancerUpdateFailures.inc(LOAD_BALANCER),
  ],
  [
    'F173: ',
    'kubeproxy_sync_proxy_rules_winkernel_lb_delete_failures_total',
    'counter',
    'ip_family,lb_type,error',
    (m) => m.loadBalancerDeleteFailures.inc(LOAD_BALANCER),
  ],
  [
    'F174: ',
    'kubeproxy_nftables_localhost_nodeport_listeners',
    'gauge',
    'ip_family',
    (m) => m.localListeners.set(1, FAMILY),
  ],
  [
    'F174: ',
    'kubeproxy_nftables_localhost_nodeport_listener_creation_failures_total',
    'counter',
    'ip_family',
    (m) => m.localListenerFailures.inc(FAMILY),
  ],
  [
    'F174: ',
    'kubeproxy_nftables_localhost_nodeport_rejected_packets_total',
    'counter',
    'ip_family,protocol',
    (m) => m.localRejectedPackets.set(1, { protocol: 'UDP', ...FAMILY }),
  ],
];

/** The mode of the table's test: the one that has the metric. */
function modeOf(id: string): ProxyMode {
  if (['F164: ', 'F165: ', 'F174: '].includes(id)) return modeNamed('nftables');
  return modeNamed(id === 'F173: ' ? 'kernelspace' : 'iptables');
}

function modeNamed(mode: string): ProxyMode {
  return chooseMode({ platform: 'linux', modes: MODES }, { mode });
}

describe("metrics have kube-proxy's names, types, labels and buckets", () => {
  it.each(ROWS)('%s%s is a %s with labels "%s"', async (...row) => {
    const [id, name, type, labels, use] = row;
    const registry = createRegistry();
    use(createProxyMetrics(registry, () => modeOf(id)));
    const text = await registry.text();
    expect(text).toContain(`# TYPE ${name} ${type}\n`);
    const sample = new RegExp(`^${name}(?:_count)?(?:\\{(.*)\\})? 1$`, 'm').exec(text);
    expect(sample, `no sample of ${name} in\n${text}`).not.toBeNull();
    const found = [...(sample?.[1] ?? '').matchAll(/(\w+)="/g)].map(([, label = '']) => label);
    expect(found).toEqual(labels === '' ? [] : labels.split(',').sort());
    if (type === 'histogram') {
      const wanted = name.includes('network_programming') ? NPL : E15;
      expect(text.match(new RegExp(`^${name}_bucket\\{`, 'gm'))).toHaveLength(wanted + 1);
    }
  });

  it.each([
    ['iptables', ['F164: ', 'F165: ', 'F173: ', 'F174: ']],
    ['nftables', ['F158: ', 'F159: ', 'F160: ', 'F161: ', 'F162: ', 'F163: ', 'F173: ']],
    [
      'ipvs',
      [
        'F148: ',
        'F149: ',
        'F159: ',
        'F160: ',
        'F161: ',
        'F162: ',
        'F163: ',
        'F164: ',
        'F165: ',
        'F173: ',
        'F174: ',
      ],
    ],
    [
      'kernelspace',
      [
        'F148: ',
        'F149: ',
        'F158: ',
        'F159: ',
        'F160: ',
        'F161: ',
        'F162: ',
        'F163: ',
        'F164: ',
        'F165: ',
        'F167: ',
        'F168: ',
        'F174: ',
      ],
    ],
  ])('F147: mode %s lacks %j and has the others', async (mode, lacking) => {
    for (const [id, name, , , use] of ROWS) {
      const registry = createRegistry();
      use(createProxyMetrics(registry, () => modeNamed(mode)));
      const shown = (await registry.text()).includes(name);
      expect(shown, `${id}${name}`).toBe(!lacking.includes(id));
    }
  });

  it('F147: sync buckets are 1 ms to 16.384 s, doubling', () => {
    expect(SYNC_BUCKETS).toEqual([
      0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048, 4.096, 8.192,
      16.384,
    ]);
  });

  it("F152: programming buckets are kube-proxy's", () => {
    expect(PROGRAMMING_BUCKETS.slice(0, 4)).toEqual([0.25, 0.5, 1, 2]);
    expect(PROGRAMMING_BUCKETS.slice(59, 64)).toEqual([58, 59, 60, 65, 70]);
    expect(PROGRAMMING_BUCKETS.slice(-8)).toEqual([115, 120, 150, 180, 210, 240, 270, 300]);
    expect(PROGRAMMING_BUCKETS).toHaveLength(80);
  });
});
