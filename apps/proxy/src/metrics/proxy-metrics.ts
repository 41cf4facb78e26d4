/** kube-proxy's own metrics: names, types, labels and buckets are what dashboards and alerts were written for. */
import { connectionMetrics, type ConnectionMetrics } from './connection-counts.ts';
import { localNodePortMetrics, type LocalNodePortMetrics } from './local-node-port-metrics.ts';
import type { Counter, Gauge, Histogram, Registry } from './registry.ts';

/** 1 ms to 16.384 s, doubling. */
export const SYNC_BUCKETS: readonly number[] = Array.from({ length: 15 }, (_, k) => 2 ** k / 1000);

/** Seconds from a change in the API to its rules: fine to a minute, coarse to five. */
export const PROGRAMMING_BUCKETS: readonly number[] = [
  0.25,
  0.5,
  ...steps(1, 59, 1),
  ...steps(60, 115, 5),
  ...steps(120, 300, 30),
];

function steps(from: number, to: number, by: number): number[] {
  return Array.from({ length: Math.floor((to - from) / by) + 1 }, (_, index) => from + index * by);
}

export interface ProxyMetrics extends ConnectionMetrics, LocalNodePortMetrics {
  readonly syncDuration: Histogram;
  readonly syncFullDuration: Histogram;
  readonly syncPartialDuration: Histogram;
  readonly syncLast: Gauge;
  readonly syncLastQueued: Gauge;
  readonly networkProgramming: Histogram;
  readonly endpointChangesPending: Gauge;
  readonly endpointChanges: Counter;
  readonly serviceChangesPending: Gauge;
  readonly serviceChanges: Counter;
  readonly noLocalEndpoints: Gauge;
  readonly restoreFailures: Counter;
  readonly partialRestoreFailures: Counter;
  readonly iptablesRules: Gauge;
  readonly iptablesRulesLast: Gauge;
  readonly syncFailures: Counter;
  readonly cleanupFailures: Counter;
  readonly loadBalancerCreateFailures: Counter;
  readonly loadBalancerUpdateFailures: Counter;
  readonly loadBalancerDeleteFailures: Counter;
  readonly invalidDropped: Gauge;
  readonly localhostNodePorts: Gauge;
  readonly healthz: Counter;
  readonly livez: Counter;
  readonly conntrackDuration: Histogram;
  readonly conntrackDeleted: Counter;
  readonly driftRepaired: Counter;
  readonly refused: Gauge;
  readonly modeCleanups: Counter;
  readonly modeCleanupPending: Gauge;
}

const FAMILY = ['ip_family'];

/**
 * Metrics that only some modes have. `rules`: numbers of iptables rules, and packets that they count. `restore`: calls of
 * iptables-restore. `partial`: syncs that write only what changed. `transactions`: of nf_tables. `load-balancers`: writes to HNS. `connections`: those
 * that pass through this process. `local-node-ports`: sockets for node ports at loopback addresses.
 */
export type MetricGroup =
  'rules' | 'restore' | 'partial' | 'transactions' | 'load-balancers' | 'connections' | 'local-node-ports';

export interface MetricsOfMode {
  readonly metrics: readonly MetricGroup[];
  readonly flows: 'conntrack' | 'own';
}

/** Where the metrics of a group go. */
interface Registries {
  readonly every: Registry;
  readonly rules: Registry;
  readonly partial: Registry;
  readonly restore: Registry;
  /** Of modes whose flows the kernel's connection tracking holds. */
  readonly conntrack: Registry;
  readonly transactions: Registry;
  readonly loadBalancers: Registry;
  readonly connections: Registry;
}

/** Shows what the mode that runs has; the rest can be used, and shows nowhere, as in kube-proxy. */
export function createProxyMetrics(registry: Registry, mode: () => MetricsOfMode): ProxyMetrics {
  const of = (group: MetricGroup): Registry => registry.section(() => mode().metrics.includes(group));
  const registries: Registries = {
    every: registry,
    rules: of('rules'),
    partial: of('partial'),
    restore: of('restore'),
    conntrack: registry.section(() => mode().flows === 'conntrack'),
    transactions: of('transactions'),
    loadBalancers: of('load-balancers'),
    connections: of('connections'),
  };
  return {
    ...syncMetrics(registries),
    ...changeMetrics(registry),
    ...modeMetrics(registries),
    ...transactionMetrics(registries),
    ...localNodePortMetrics(of('local-node-ports')),
    ...windowsMetrics(registries),
    ...connectionMetrics(registries.connections),
    ...otherMetrics(registries),
  };
}

function syncMetrics({ every, partial, conntrack }: Registries) {
  const histogram = (name: string, help: string, registry = every): Histogram =>
    registry.histogram({
      name: `kubeproxy_${name}`,
      help: `[ALPHA] ${help}`,
      labels: FAMILY,
      buckets: SYNC_BUCKETS,
    });
  const gauge = (name: string, help: string): Gauge =>
    every.gauge({ name: `kubeproxy_${name}`, help: `[ALPHA] ${help}`, labels: FAMILY });
  return {
    syncDuration: histogram('sync_proxy_rules_duration_seconds', 'Seconds that a sync took'),
    syncFullDuration: histogram(
      'sync_full_proxy_rules_duration_seconds',
      'Seconds that a full sync took',
      partial,
    ),
    syncPartialDuration: histogram(
      'sync_partial_proxy_rules_duration_seconds',
      'Seconds that a partial sync took',
      partial,
    ),
    syncLast: gauge('sync_proxy_rules_last_timestamp_seconds', 'When the last successful sync ended'),
    syncLastQueued: gauge('sync_proxy_rules_last_queued_timestamp_seconds', 'When a sync was last asked for'),
    networkProgramming: every.histogram({
      name: 'kubeproxy_network_programming_duration_seconds',
      help: '[ALPHA] Seconds from a change of endpoints in the API to its rules',
      labels: FAMILY,
      buckets: PROGRAMMING_BUCKETS,
    }),
    conntrackDuration: histogram(
      'conntrack_reconciler_sync_duration_seconds',
      'Seconds that a clean-up of stale flows took',
      conntrack,
    ),
  };
}

function changeMetrics(registry: Registry) {
  const name = (rest: string): string => `kubeproxy_sync_proxy_rules_${rest}`;
  return {
    endpointChangesPending: registry.gauge({
      name: name('endpoint_changes_pending'),
      help: '[ALPHA] Endpoint changes not yet synced',
    }),
    endpointChanges: registry.counter({
      name: name('endpoint_changes_total'),
      help: '[ALPHA] Endpoint changes seen',
    }),
    serviceChangesPending: registry.gauge({
      name: name('service_changes_pending'),
      help: '[ALPHA] Service changes not yet synced',
    }),
    serviceChanges: registry.counter({
      name: name('service_changes_total'),
      help: '[ALPHA] Service changes seen',
    }),
    noLocalEndpoints: registry.gauge({
      name: name('no_local_endpoints_total'),
      help: '[ALPHA] Service ports with policy Local and no endpoint on this node',
      labels: ['traffic_policy', 'ip_family'],
    }),
  };
}

function modeMetrics({ rules, restore }: Registries) {
  const name = (rest: string): string => `kubeproxy_sync_proxy_rules_iptables_${rest}`;
  const tableLabels = ['table', 'ip_family'];
  return {
    restoreFailures: restore.counter({
      name: name('restore_failures_total'),
      help: '[ALPHA] Failed iptables-restore calls',
      labels: FAMILY,
    }),
    partialRestoreFailures: rules.counter({
      name: name('partial_restore_failures_total'),
      help: '[ALPHA] Failed iptables-restore calls of partial syncs',
      labels: FAMILY,
    }),
    iptablesRules: rules.gauge({
      name: name('total'),
      help: '[ALPHA] iptables rules owned',
      labels: tableLabels,
    }),
    iptablesRulesLast: rules.gauge({
      name: name('last'),
      help: '[ALPHA] iptables rules written by the last sync',
      labels: tableLabels,
    }),
    invalidDropped: rules.gauge({
      name: 'kubeproxy_iptables_ct_state_invalid_dropped_packets_total',
      help: '[ALPHA] Packets dropped because conntrack judged them invalid',
      as: 'counter',
    }),
    localhostNodePorts: rules.gauge({
      name: 'kubeproxy_iptables_localhost_nodeports_accepted_packets_total',
      help: '[ALPHA] Packets to node ports at loopback addresses',
      as: 'counter',
    }),
  };
}

function transactionMetrics({ transactions }: Registries) {
  const failures = (of: string, help: string): Counter =>
    transactions.counter({
      name: `kubeproxy_sync_proxy_rules_nftables_${of}_failures_total`,
      help: `[ALPHA] ${help}`,
      labels: FAMILY,
    });
  return {
    syncFailures: failures('sync', 'Failed syncs of nftables rules'),
    cleanupFailures: failures('cleanup', 'Failed removals of nftables objects that nothing uses any more'),
  };
}

function windowsMetrics({ loadBalancers }: Registries) {
  const failures = (write: string): Counter =>
    loadBalancers.counter({
      name: `kubeproxy_sync_proxy_rules_winkernel_lb_${write}_failures_total`,
      help: `[ALPHA] HNS load balancers that failed to ${write}`,
      labels: ['ip_family', 'lb_type', 'error'],
    });
  return {
    loadBalancerCreateFailures: failures('create'),
    loadBalancerUpdateFailures: failures('update'),
    loadBalancerDeleteFailures: failures('delete'),
  };
}

function otherMetrics({ every, conntrack }: Registries) {
  const counter = (name: string, help: string, labels: readonly string[], registry = every): Counter =>
    registry.counter({ name: `kubeproxy_${name}`, help: `[ALPHA] ${help}`, labels });
  return {
    healthz: counter('proxy_healthz_total', 'Answers of /healthz', ['code']),
    livez: counter('proxy_livez_total', 'Answers of /livez', ['code']),
    modeCleanups: counter(
      'mode_cleanups_total',
      'Removals of what other proxy modes left, by result: success or error',
      ['result'],
    ),
    driftRepaired: counter(
      'drift_repaired_total',
      'Objects in the kernel that another process changed and a sync wrote again, by kind of difference',
      ['ip_family', 'kind'],
    ),
    refused: every.gauge({
      name: 'kubeproxy_service_ports_refused',
      help: '[ALPHA] Service ports and other objects that the kernel or its tool refused in the last sync',
      labels: FAMILY,
    }),
    modeCleanupPending: every.gauge({
      name: 'kubeproxy_mode_cleanup_pending',
      help: '[ALPHA] 1 until nothing is left that other proxy modes have programmed',
    }),
    conntrackDeleted: counter(
      'conntrack_reconciler_deleted_entries_total',
      'Stale flows removed',
      FAMILY,
      conntrack,
    ),
  };
}
