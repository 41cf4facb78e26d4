/** A node in memory: bound sockets and assigned addresses as data, with the errors of a kernel. */
import { backendError, type BackendError, type Family } from '@signalbox/core';
import type { FaultPlan } from '@signalbox/core/testing';
import { noCounts } from '../driver/data-path.ts';
import type { UserspaceDriver } from '../driver/userspace-driver.ts';
import { listenerKey, type Listener } from '../objects/listener.ts';
import { SERVICE_DEVICE } from '../objects/observed.ts';
import type { Operation } from '../objects/operation.ts';
import { faultyDriver } from './faulty-driver.ts';

/** Remains after its drivers are closed, as a node does after a process ends; sockets do not. */
export interface FakeNode {
  device: 'absent' | 'present' | 'not-owned';
  /** Addresses of the device, with their families. */
  readonly addresses: Map<string, Family>;
  /** Addresses of other devices. */
  readonly hostAddresses: ReadonlySet<string>;
  /** Sockets that drivers have open, by `listenerKey`. */
  readonly listeners: Map<string, Listener>;
  /** Keys of sockets that other processes have open. */
  readonly busy: Set<string>;
  /** Every operation that a driver applied. */
  readonly operations: Operation[];
}

/** A node without the device and without sockets. */
export function createFakeNode(hostAddresses: Iterable<string>): FakeNode {
  return {
    device: 'absent',
    addresses: new Map(),
    hostAddresses: new Set(hostAddresses),
    listeners: new Map(),
    busy: new Set(),
    operations: [],
  };
}

/** A node, the address family of the driver, and faults. */
export interface FakeDriverOptions {
  /** The IP family of the driver. */
  readonly family: Family;
  /** The node whose sockets and addresses the driver uses. */
  readonly node: FakeNode;
  /** Called twice for each operation: with `<kind>, before` and, after it is applied, with `<kind>, after`. */
  readonly faults?: FaultPlan;
}

const NO_FAULTS: FaultPlan = () => false;

/** A driver on a fake node. `close` closes the sockets that it opened. */
export function createFakeDriver({ family, node, faults = NO_FAULTS }: FakeDriverOptions): UserspaceDriver {
  const own = new Set<string>();
  const write = (operation: Operation): BackendError | null => {
    node.operations.push(operation);
    const error = carryOut(node, family, operation);
    if (error === null && 'listener' in operation) own.add(listenerKey(operation.listener));
    return error;
  };
  const driver: UserspaceDriver = {
    family,
    observe: () => {
      const { device, hostAddresses } = node;
      const of = (desired: boolean): string[] =>
        [...node.addresses].filter(([, each]) => (each === family) === desired).map(([address]) => address);
      const listeners = new Set([...node.listeners.keys()].filter((key) => own.has(key)));
      const value = {
        device,
        hostAddresses,
        listeners,
        addresses: new Set(of(true)),
        isShared: of(false).length > 0,
      };
      return Promise.resolve({ ok: true, value });
    },
    apply: (operations) => Promise.resolve(operations.map(write)),
    counts: () => Promise.resolve(noCounts()),
    connections: () => Promise.resolve(new Map()),
    limits: () => Promise.resolve(new Map()),
    close: () => {
      for (const key of own) node.listeners.delete(key);
      own.clear();
      return Promise.resolve();
    },
  };
  return faultyDriver(driver, faults);
}

function carryOut(node: FakeNode, family: Family, operation: Operation): BackendError | null {
  switch (operation.kind) {
    case 'device-create':
      node.device = 'present';
      return null;
    case 'device-delete':
      node.device = 'absent';
      node.addresses.clear();
      return null;
    case 'address-add':
      if (node.device !== 'present') return refused('not-found', `no device ${SERVICE_DEVICE}`);
      node.addresses.set(operation.address, family);
      return null;
    case 'address-delete':
      node.addresses.delete(operation.address);
      return null;
    case 'listener-open':
    case 'listener-update':
      return open(node, operation.listener);
    case 'listener-close':
      node.listeners.delete(listenerKey(operation.listener));
      return null;
  }
}

function open(node: FakeNode, listener: Listener): BackendError | null {
  const key = listenerKey(listener);
  const { address } = listener;
  const isLoopback = address.startsWith('127.') || address === '::1';
  if (!isLoopback && !node.addresses.has(address) && !node.hostAddresses.has(address)) {
    return refused('not-found', `${key}: the address is not assigned to this node`);
  }
  if (node.busy.has(key)) return refused('busy', `${key}: another process has this port open`);
  node.listeners.set(key, listener);
  return null;
}

function refused(code: BackendError['code'], message: string): BackendError {
  return backendError(code, 'fake', message, { kernel: 'unchanged' });
}
