import type { BackendError } from '@signalbox/core';
import type { Link, LinkAddressState, RouteMonitorEvents } from '@signalbox/netlink';
import { describe, expect, it } from 'vitest';
import { createDeviceWatch, type DeviceWatch } from './device-watch.ts';

const link = (name: string, index: number): Link => ({ name, index, flags: 0, mtu: 1500 });
const address = (text: string, linkIndex: number): LinkAddressState => ({
  family: text.includes(':') ? 'IPv6' : 'IPv4',
  address: text,
  prefixLength: 32,
  linkIndex,
  scope: 'host',
  flags: 0,
});

interface Bench {
  readonly watch: DeviceWatch;
  readonly events: RouteMonitorEvents;
  readonly drift: readonly string[];
  readonly problems: readonly BackendError[];
  readonly undo: () => void;
  readonly closed: () => number;
}

function bench(): Bench {
  const drift: string[] = [];
  const problems: BackendError[] = [];
  const seen: RouteMonitorEvents[] = [];
  let closed = 0;
  const watch = createDeviceWatch('IPv4', (given) => {
    seen.push(given);
    return { close: () => void (closed += 1) };
  });
  const undo = watch.start(
    (what) => drift.push(what),
    (problem) => problems.push(problem),
  );
  const [events] = seen;
  if (events === undefined) throw new Error('nothing is watched');
  events.resync();
  events.notification({ kind: 'link-set', link: link('kube-ipvs0', 7) });
  return { watch, events, drift, problems, undo, closed: () => closed };
}

describe('the device watch', () => {
  it('reports the device and addresses on it', () => {
    const { events, drift } = bench();
    events.notification({ kind: 'address-gone', address: address('10.96.0.10', 7) });
    events.notification({ kind: 'link-gone', link: link('kube-ipvs0', 7) });
    expect(drift).toEqual(['address 10.96.0.10 is gone', 'device kube-ipvs0 is gone']);
  });

  it('reports what another process deletes after Signalbox deleted the same address unwatched', () => {
    const drift: string[] = [];
    const seen: RouteMonitorEvents[] = [];
    const watch = createDeviceWatch('IPv4', (given) => {
      seen.push(given);
      return { close: () => undefined };
    });
    watch.expect([{ kind: 'address-delete', address: '10.96.0.10' }]);
    watch.start((what) => drift.push(what));
    watch.setDevice(7);
    seen[0]?.notification({ kind: 'address-gone', address: address('10.96.0.10', 7) });
    expect(drift).toEqual(['address 10.96.0.10 is gone']);
  });

  it('is silent about other devices, the other family, and what appears', () => {
    const { events, drift } = bench();
    events.notification({ kind: 'address-gone', address: address('10.96.0.10', 8) });
    events.notification({ kind: 'address-gone', address: address('fd00::1', 7) });
    events.notification({ kind: 'address-set', address: address('10.96.0.11', 7) });
    events.notification({ kind: 'link-gone', link: link('eth1', 3) });
    expect(drift).toEqual([]);
  });

  it('is silent once about each thing that we delete ourselves', () => {
    const { watch, events, drift } = bench();
    watch.expect([{ kind: 'address-delete', address: '10.96.0.10' }]);
    const gone = { kind: 'address-gone', address: address('10.96.0.10', 7) } as const;
    events.notification(gone);
    expect(drift).toEqual([]);
    events.notification(gone);
    expect(drift).toEqual(['address 10.96.0.10 is gone']);
  });

  it('recognizes a device that existed before the start by its index', () => {
    const drift: string[] = [];
    const seen: RouteMonitorEvents[] = [];
    const watch = createDeviceWatch('IPv6', (given) => {
      seen.push(given);
      return { close: () => undefined };
    });
    watch.start((what) => drift.push(what));
    const gone = (text: string, index: number): void =>
      seen[0]?.notification({ kind: 'address-gone', address: address(text, index) });
    gone('fe80::1', 12);
    watch.setDevice(7);
    gone('fe80::2', 12);
    gone('fd00::a', 7);
    expect(drift).toEqual(['address fd00::a is gone']);
  });

  it.each([
    ['restarting', 'child.js ended with SIGABRT; restarting it'],
    ['stopped', 'child.js ended with SIGABRT; not started again'],
  ] as const)('reports as an error that the monitor is %s', (next, message) => {
    const { events, problems } = bench();
    events.interrupted?.('child.js ended with SIGABRT', next);
    expect(problems).toEqual([
      { code: 'unavailable', operation: 'watch kube-ipvs0', message, kernel: 'unchanged' },
    ]);
  });

  it('asks for a look when the monitor was away', () => {
    const { events, drift, undo, closed } = bench();
    events.resync();
    expect(drift).toEqual(['links and addresses may have changed unseen']);
    undo();
    expect(closed()).toBe(1);
  });
});
