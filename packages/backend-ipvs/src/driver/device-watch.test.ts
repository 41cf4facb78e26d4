import type { BackendError, Family } from '@signalbox/core';
import type { Link, LinkAddressState, RouteMonitorEvents } from '@signalbox/netlink';
import { createManualClock } from '@signalbox/core/testing';
import { describe, expect, it } from 'vitest';
import { createDeviceWatch } from './device-watch.ts';

const link = (name: string, index: number): Link => ({ name, index, flags: 0, mtu: 1500 });
const address = (text: string, linkIndex: number): LinkAddressState => ({
  family: text.includes(':') ? 'IPv6' : 'IPv4',
  address: text,
  prefixLength: 32,
  linkIndex,
  scope: 'host',
  flags: 0,
});

/** A watch, and what it reports after `start`. */
function unstarted(family: Family) {
  const drift: string[] = [];
  const problems: BackendError[] = [];
  const seen: RouteMonitorEvents[] = [];
  let closed = 0;
  const clock = createManualClock();
  const watch = createDeviceWatch({
    family,
    clock,
    watch: (given) => {
      seen.push(given);
      return { close: () => void (closed += 1) };
    },
  });
  const start = () => {
    const undo = watch.start(
      (what) => drift.push(what),
      (problem) => problems.push(problem),
    );
    const [events] = seen;
    if (events === undefined) throw new Error('nothing is watched');
    return { events, undo };
  };
  return { watch, start, seen, clock, drift, problems, closed: () => closed };
}

function bench() {
  const { start, ...rest } = unstarted('IPv4');
  const { events, undo } = start();
  events.ready();
  events.notification({ kind: 'link-set', link: link('kube-ipvs0', 7) });
  return { ...rest, events, undo };
}

describe('the device watch', () => {
  it('reports the device and addresses on it', () => {
    const { events, drift } = bench();
    events.notification({ kind: 'address-gone', address: address('10.96.0.10', 7) });
    events.notification({ kind: 'link-gone', link: link('kube-ipvs0', 7) });
    expect(drift).toEqual(['address 10.96.0.10 is gone', 'device kube-ipvs0 is gone']);
  });

  it('reports what another process deletes after Signalbox deleted the same address unwatched', () => {
    const { watch, start, drift } = unstarted('IPv4');
    watch.expect([{ kind: 'address-delete', address: '10.96.0.10' }]);
    const { events } = start();
    watch.setDevice(7);
    events.notification({ kind: 'address-gone', address: address('10.96.0.10', 7) });
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

  it('is silent once about each address that Signalbox deletes', () => {
    const { watch, events, drift } = bench();
    watch.expect([{ kind: 'address-delete', address: '10.96.0.10' }]);
    const gone = { kind: 'address-gone', address: address('10.96.0.10', 7) } as const;
    events.notification(gone);
    expect(drift).toEqual([]);
    events.notification(gone);
    expect(drift).toEqual(['address 10.96.0.10 is gone']);
  });

  it('recognizes a device that existed before the start by its index', () => {
    const { watch, start, drift } = unstarted('IPv6');
    const { events } = start();
    const gone = (text: string, index: number): void =>
      events.notification({ kind: 'address-gone', address: address(text, index) });
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
    events.ended?.('child.js ended with SIGABRT', next);
    expect(problems).toEqual([
      { code: 'unavailable', operation: 'watch kube-ipvs0', message, kernel: 'unchanged' },
    ]);
  });

  it('reports possible changes after a gap of the monitor', () => {
    const { events, seen, clock, drift, undo, closed } = bench();
    events.ended?.('child.js ended with SIGABRT', 'restarting');
    clock.advance(200);
    seen[1]?.ready();
    expect(drift).toEqual(['links and addresses may have changed unseen']);
    undo();
    expect(closed()).toBe(1);
  });
});
