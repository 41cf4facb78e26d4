/** Reports when another process removes the service device or an address on it. */
import { superviseMonitor, type AfterEnd } from '@signalbox/backend-kit';
import { backendError, type BackendError, type Clock, type Family } from '@signalbox/core';
import { watchRoutes, type RouteMonitor, type RouteNotification } from '@signalbox/netlink';
import { SERVICE_DEVICE } from '../objects/bound-address.ts';
import type { Operation } from '../objects/operation.ts';

export interface DeviceWatch {
  /** What Signalbox is about to delete: no drift when it is notified. */
  expect(operations: readonly Operation[]): void;
  /** The index of the service device, as it has just been read; `null`: it does not exist. */
  setDevice(index: number | null): void;
  /** `onProblem`: links and addresses are not watched, for now or for good. */
  start(onDrift: (what: string) => void, onProblem?: (problem: BackendError) => void): () => void;
}

type Watch = (events: Parameters<typeof watchRoutes>[0]) => RouteMonitor;

export interface DeviceWatchOptions {
  readonly family: Family;
  readonly clock: Clock;
  readonly watch?: Watch;
}

export function createDeviceWatch({ family, clock, watch = watchRoutes }: DeviceWatchOptions): DeviceWatch {
  const losses = createLossDetector(family);
  let watching = false;
  return {
    expect(operations) {
      if (watching) losses.expect(operations);
    },
    setDevice: (index) => losses.setDevice(index),
    start(onDrift, onProblem) {
      watching = true;
      const notification = (received: RouteNotification): void => {
        const loss = losses.of(received);
        if (loss !== null) onDrift(loss);
      };
      const stop = superviseMonitor({
        clock,
        start: ({ onReady: ready, onEnd: ended }) => {
          const monitor = watch({ ready, notification, ended });
          return () => monitor.close();
        },
        onGap: () => onDrift('links and addresses may have changed unseen'),
        onProblem: (reason, next) => onProblem?.(problemOf(reason, next)),
      });
      return () => {
        watching = false;
        stop();
      };
    },
  };
}

function problemOf(reason: string, next: AfterEnd): BackendError {
  const message = next === 'restarting' ? `${reason}; restarting it` : `${reason}; not started again`;
  return backendError('unavailable', `watch ${SERVICE_DEVICE}`, message, { kernel: 'unchanged' });
}

interface LossDetector {
  setDevice(index: number | null): void;
  expect(operations: readonly Operation[]): void;
  /** What another process removed; `null`: nothing. */
  of(notification: RouteNotification): string | null;
}

function createLossDetector(family: Family): LossDetector {
  const expected = new Set<string>();
  // There is no notification of a device that existed before the start: until it has been read, no address is known to be on it.
  let device: number | null = null;
  return {
    setDevice(index) {
      device = index;
    },
    expect(operations) {
      for (const operation of operations) {
        if (operation.kind === 'address-delete') expected.add(operation.address);
        if (operation.kind === 'device-delete') expected.add(SERVICE_DEVICE);
      }
    },
    of(notification) {
      if ('link' in notification) {
        const { name, index } = notification.link;
        if (name !== SERVICE_DEVICE) return null;
        if (notification.kind === 'link-set') device = index;
        return notification.kind === 'link-gone' && !expected.delete(name) ? `device ${name} is gone` : null;
      }
      const { address, linkIndex, family: of } = notification.address;
      const owned = of === family && linkIndex === device;
      if (notification.kind === 'address-set' || !owned || expected.delete(address)) return null;
      return `address ${address} is gone`;
    },
  };
}
