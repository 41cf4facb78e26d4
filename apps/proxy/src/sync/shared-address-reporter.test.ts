import type { ObjectEvent } from '@signalbox/core';
import { createManualClock } from '@signalbox/core/testing';
import { describe, expect, it } from 'vitest';
import type { ProxyEvent } from '../compose/composition.ts';
import { createLogging } from '../logging/logger.ts';
import { dnsModel, dnsSlice } from '../testing/dns-service.ts';
import { CHECK_DELAY_MS, createSharedAddressReporter } from './shared-address-reporter.ts';

function service(...externalIPs: readonly string[]): ObjectEvent {
  const metadata = { name: 'web', namespace: 'shop' };
  const ips = { clusterIP: '10.96.0.11', clusterIPs: ['10.96.0.11'], externalIPs };
  const spec = { type: 'ClusterIP', ...ips, ports: [{ port: 80, protocol: 'TCP' }] };
  return {
    type: 'upsert',
    resource: 'Service',
    object: { apiVersion: 'v1', kind: 'Service', metadata, spec },
  };
}

/** A reporter after syncs of the DNS service, whose endpoint is 10.244.1.5, and of `shop/web`. */
function world(nodeIPs: readonly string[] = []) {
  const clock = createManualClock();
  const lines: string[] = [];
  const events: ProxyEvent[] = [];
  const sink = { write: (line: string) => void lines.push(line), now: () => 0, pid: 1 };
  const { logger } = createLogging({ format: 'text', verbosity: 0, vmodule: [] }, sink);
  const model = dnsModel();
  const reporter = createSharedAddressReporter({
    clock,
    logger,
    events: { record: (event) => void events.push(event) },
    endpointAddresses: () => model.endpointAddresses('IPv4'),
    nodeIPs: () => nodeIPs,
  });
  const sync = (...changes: readonly ObjectEvent[]): void => {
    for (const change of changes) model.apply(change);
    reporter.synced(model.build('IPv4').state);
    clock.advance(CHECK_DELAY_MS);
  };
  return { reporter, clock, model, lines, events, sync };
}

describe('external addresses of a Service that are those of another node or a pod', () => {
  it('F137: are a warning in the log and an Event on the Service, once each', () => {
    const { sync, lines, events } = world();
    sync(service('10.244.1.5', '203.0.113.80'));
    sync(dnsSlice('10.244.1.5'));
    sync();
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(
      /^W.*is that of another node or a pod.*service="shop\/web" address="10\.244\.1\.5"/,
    );
    expect(events).toEqual([
      {
        type: 'Warning',
        reason: 'ExternalAddressInUse',
        action: 'SyncProxyRules',
        note: expect.stringContaining('10.244.1.5') as string,
        service: { namespace: 'shop', name: 'web' },
      },
    ]);
  });

  it('are reported to have ended, and again when they come back', () => {
    const { sync, lines, events } = world();
    sync(service('10.244.1.5'));
    sync(dnsSlice('10.244.1.6'));
    expect(lines[1]).toMatch(/^I.*"Address conflict resolved" service="shop\/web" address="10\.244\.1\.5"/);
    sync(service('10.244.1.5', '10.244.1.6'));
    sync(dnsSlice('10.244.1.5'));
    expect(lines).toHaveLength(5);
    expect(events.map(({ note }) => /10\.244\.1\.\d/.exec(note)?.[0])).toEqual([
      '10.244.1.5',
      '10.244.1.6',
      '10.244.1.5',
    ]);
  });

  it('are no addresses of this node', () => {
    const { sync, lines } = world(['10.244.1.5']);
    sync(service('10.244.1.5'));
    expect(lines).toEqual([]);
  });

  it('are looked for once in five seconds, not at each sync, and not after the end', () => {
    const { reporter, clock, model, lines } = world();
    model.apply(service('10.244.1.5'));
    for (let sync = 0; sync < 3; sync += 1) {
      reporter.synced(model.build('IPv4').state);
      clock.advance(CHECK_DELAY_MS / 4);
    }
    expect(lines).toEqual([]);
    clock.advance(CHECK_DELAY_MS / 4);
    expect(lines).toHaveLength(1);
    model.apply(service('203.0.113.80'));
    reporter.synced(model.build('IPv4').state);
    reporter.stop();
    clock.advance(2 * CHECK_DELAY_MS);
    expect(lines).toHaveLength(1);
  });
});
