import { FAMILIES, type Family, type InterfaceAddress } from '@signalbox/core';
import { createManualClock } from '@signalbox/core/testing';
import { describe, expect, it } from 'vitest';
import { createInterfaceRefresh, INTERFACE_READ_INTERVAL } from './interface-refresh.ts';

const OLD: readonly InterfaceAddress[] = [{ interface: 'eth0', family: 'IPv4', address: '192.0.2.1' }];
const NEW: readonly InterfaceAddress[] = [{ interface: 'eth0', family: 'IPv4', address: '192.0.2.2' }];

function bench() {
  const clock = createManualClock();
  const node = { addresses: OLD, reads: 0 };
  const known: { addresses: readonly InterfaceAddress[] } = { addresses: [] };
  const synced = new Map<Family, readonly InterfaceAddress[]>();
  const changed: Family[] = [];
  const refresh = createInterfaceRefresh({
    clock,
    model: {
      setInterfaceAddresses: (addresses) => void (known.addresses = addresses),
      hasPending: (family) => synced.get(family) !== known.addresses,
    },
    read: () => {
      node.reads++;
      return node.addresses;
    },
    onChanged: (family) => changed.push(family),
  });
  const sync = (): void => {
    refresh.refresh();
    for (const family of FAMILIES) synced.set(family, known.addresses);
  };
  return { clock, node, known, changed, refresh, sync };
}

describe('addresses of interfaces', () => {
  it('are read before each of syncs that are apart', () => {
    const { clock, node, known, sync } = bench();
    sync();
    node.addresses = NEW;
    clock.advance(INTERFACE_READ_INTERVAL);
    sync();
    expect(known.addresses).toBe(NEW);
    expect(node.reads).toBe(2);
    expect(clock.pending).toEqual([]);
  });

  it('are read once a second during syncs in quick succession', () => {
    const { clock, node, changed, sync } = bench();
    for (let time = 0; time < 10 * INTERFACE_READ_INTERVAL; time += 50) {
      sync();
      clock.advance(50);
    }
    expect(node.reads).toBeLessThanOrEqual(11);
    expect(changed).toEqual([]);
  });

  it('that changed after the first of two syncs are read after the second, and another sync is requested', () => {
    const { clock, node, known, changed, sync } = bench();
    sync();
    node.addresses = NEW;
    clock.advance(10);
    sync();
    expect(known.addresses).toBe(OLD);
    clock.advance(INTERFACE_READ_INTERVAL);
    expect(known.addresses).toBe(NEW);
    expect(changed).toEqual([...FAMILIES]);
  });

  it('are not read after the end', () => {
    const { clock, node, refresh, sync } = bench();
    sync();
    sync();
    refresh.stop();
    clock.advance(10 * INTERFACE_READ_INTERVAL);
    expect(node.reads).toBe(1);
  });
});
