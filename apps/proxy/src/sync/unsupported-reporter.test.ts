import {
  clusterIP,
  desiredState,
  fullChange,
  type BalancingSupport,
  type ClusterIPOptions,
  type DesiredChange,
  type DesiredServicePort,
  type Family,
} from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import type { ProxyEvent } from '../compose/composition.ts';
import { createLogging } from '../logging/logger.ts';
import { createUnsupportedReporter } from './unsupported-reporter.ts';

const WEIGHTS = { weights: { '10.244.1.5:80': 5 } };

function web(options: ClusterIPOptions = {}): DesiredServicePort {
  return clusterIP('10.96.0.10:80', ['10.244.1.5:80'], { name: 'shop/web:http', ...options });
}

const RANGED = {
  ...web(),
  frontends: [
    {
      kind: 'load-balancer',
      address: '203.0.113.9',
      port: 80,
      policy: 'cluster',
      routes: web().frontends[0]?.routes ?? [],
      sourceRanges: { cidrs: ['198.51.100.0/24', '192.0.2.0/24'], alsoAddresses: [] },
    },
  ],
} as const;

function full(family: Family, ...ports: DesiredServicePort[]): DesiredChange {
  return fullChange(desiredState(family, ports));
}

function step(parts: Partial<DesiredChange['servicePorts']>): DesiredChange {
  const servicePorts = { added: [], changed: [], removed: [], ...parts };
  return { ...full('IPv4'), kind: 'incremental', nodeChanged: false, servicePorts };
}

function world(
  support: BalancingSupport = { algorithms: ['random'], default: 'random', weights: false },
  { ignoresSourceRanges = false } = {},
) {
  const events: ProxyEvent[] = [];
  const lines: string[] = [];
  const checks = { count: 0 };
  const sink = { write: (line: string) => void lines.push(line), now: () => 0, pid: 1 };
  const { logger } = createLogging({ format: 'text', verbosity: 0, vmodule: [] }, sink);
  const reporter = createUnsupportedReporter({
    logger,
    ignoresSourceRanges,
    events: { record: (event) => void events.push(event) },
  });
  /** The notes of Events of one sync. */
  const sync = (change: DesiredChange, current = support): string[] => {
    const known = events.length;
    reporter.note(change);
    const balancing = (): BalancingSupport => {
      checks.count += 1;
      return current;
    };
    reporter.synced({ family: change.family, mode: 'iptables', balancing });
    return events.slice(known).map(({ note }) => note);
  };
  return { events, lines, checks, sync };
}

const MAGLEV =
  'metadata.annotations[signalbox.dev/load-balancing] "maglev" is not supported in mode iptables: random is used';
const WEIGHT =
  'metadata.annotations[signalbox.dev/weight] "5" of EndpointSlices is not supported in mode iptables: endpoints get equal shares';

describe('annotations that the mode does not support', () => {
  it('are reported once for a Service with several ports in two families', () => {
    const { sync, lines, events } = world();
    const ports = [web({ balancing: 'maglev' }), web({ balancing: 'maglev', name: 'shop/web:other' })];
    expect(sync(full('IPv4', ...ports))).toEqual([MAGLEV]);
    expect(sync(full('IPv6', ...ports))).toEqual([]);
    expect(events[0]?.service).toEqual({ namespace: 'shop', name: 'web' });
    expect(lines).toEqual([expect.stringContaining('Service shop/web: metadata.annotations')]);
  });

  it('are not reported where the mode supports them', () => {
    const { sync } = world({ algorithms: ['maglev'], default: 'random', weights: true });
    expect(sync(full('IPv4', web({ balancing: 'maglev', ...WEIGHTS })))).toEqual([]);
  });

  it('include limits of connections, which only a mode that opens them can apply', () => {
    const limited = { ...web(), connections: { maxConnections: 5, idleTimeout: 1000, checkInterval: 500 } };
    expect(world().sync(full('IPv4', limited))).toEqual([
      'metadata.annotations[signalbox.dev/max-connections] "5", metadata.annotations[signalbox.dev/idle-timeout] "1s", metadata.annotations[signalbox.dev/health-check] "tcp": not supported in mode iptables, which does not open connections itself',
    ]);
    const able = { algorithms: [], default: 'round-robin', weights: false, connections: true } as const;
    expect(world(able).sync(full('IPv4', limited))).toEqual([]);
  });

  it('include the PROXY protocol, unless the mode writes its header', () => {
    const proxied = { ...web(), proxyProtocol: 'v1' } as const;
    expect(world().sync(full('IPv4', proxied))).toEqual([
      'metadata.annotations[signalbox.dev/proxy-protocol] "v1" is not supported in mode iptables: connections to endpoints have no header',
    ]);
    const able = { algorithms: [], default: 'round-robin', weights: false, proxyProtocol: true } as const;
    expect(world(able).sync(full('IPv4', proxied))).toEqual([]);
  });

  it('include the failover of external traffic, as the core found it', () => {
    const field = 'metadata.annotations[signalbox.dev/external-failover]';
    const failing = { ...web(), unsupportedFailover: { policy: 'reject', field } } as const;
    expect(world().sync(full('IPv4', failing))).toEqual([
      `${field} "reject" is not supported in mode iptables: its default is used`,
    ]);
  });

  it('have Events with the reason of what they specify', () => {
    const { sync, events } = world();
    const field = 'metadata.annotations[signalbox.dev/external-failover]';
    sync(
      full('IPv4', {
        ...web({ balancing: 'maglev', ...WEIGHTS }),
        connections: { maxRetries: 0 },
        proxyProtocol: 'v2',
        unsupportedFailover: { policy: 'reject', field },
      }),
    );
    expect(events.map(({ reason }) => reason)).toEqual([
      'UnsupportedLoadBalancing',
      'UnsupportedLoadBalancing',
      'UnsupportedConnectionPolicy',
      'UnsupportedProxyProtocol',
      'UnsupportedExternalFailover',
    ]);
  });

  it('include source ranges that have no effect', () => {
    expect(world().sync(full('IPv4', RANGED))).toEqual([]);
    const { sync, events } = world(undefined, { ignoresSourceRanges: true });
    expect(sync(full('IPv4', RANGED))).toEqual([
      'spec.loadBalancerSourceRanges "198.51.100.0/24, 192.0.2.0/24" is not supported in mode iptables: load-balancer IPs accept connections from every address',
    ]);
    expect(events[0]?.reason).toBe('UnsupportedSourceRanges');
    expect(sync(full('IPv4', RANGED))).toEqual([]);
  });

  it('are not checked for changes of Services with source ranges, if the mode applies them', () => {
    const { sync, checks } = world();
    sync(full('IPv4', RANGED));
    const change = step({ changed: [{ before: RANGED, after: { ...RANGED, clusterEndpoints: [] } }] });
    const { count } = checks;
    sync(change);
    expect(checks.count).toBe(count);
    const ignoring = world(undefined, { ignoresSourceRanges: true });
    ignoring.sync(full('IPv4', RANGED));
    ignoring.sync(change);
    expect(ignoring.checks.count).toBe(2);
  });

  it('are looked for in service ports that changed, and in all of them if the support changed', () => {
    const { sync } = world();
    const reads = { count: 0 };
    const counted = Object.defineProperty(web({ balancing: 'maglev', name: 'shop/other' }), 'connections', {
      enumerable: true,
      get: () => void (reads.count += 1),
    });
    const [plain, balanced] = [web(), web({ balancing: 'maglev' })];
    sync(full('IPv4', counted, plain));
    const { count } = reads;
    const change = step({ changed: [{ before: plain, after: balanced }] });
    expect(sync(change)).toEqual([MAGLEV]);
    expect(reads.count).toBe(count);
    const next = { algorithms: [], default: 'round-robin', weights: false } as const;
    expect(sync(change, next)).toEqual([
      MAGLEV.replace('random', 'round-robin'),
      MAGLEV.replace('random', 'round-robin'),
    ]);
  });

  it('include weights', () => {
    expect(world().sync(full('IPv4', web({ balancing: 'random', ...WEIGHTS })))).toEqual([WEIGHT]);
  });

  it('are reported again after they were removed in all families', () => {
    const { sync } = world();
    const [plain, balanced] = [web(), web({ balancing: 'maglev' })];
    sync(full('IPv4', balanced));
    sync(full('IPv6', balanced));
    const away = step({ changed: [{ before: balanced, after: plain }] });
    const back = step({ changed: [{ before: plain, after: balanced }] });
    sync(away);
    expect(sync(back)).toEqual([]);
    sync(away);
    sync(full('IPv6'));
    expect(sync(back)).toEqual([MAGLEV]);
  });

  it('are reported when another Service gets them, and not for changes of other Services', () => {
    const { sync } = world();
    sync(full('IPv4', web({ balancing: 'maglev' })));
    expect(sync(step({ added: [web({ name: 'shop/plain' })] }))).toEqual([]);
    expect(sync(step({ added: [web({ name: 'shop/other', balancing: 'maglev' })] }))).toEqual([MAGLEV]);
  });
});
