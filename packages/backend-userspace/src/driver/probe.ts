import { backendError, type BackendError, type Family, type Result } from '@signalbox/core';
import { createRouteClient } from '@signalbox/netlink';
import { SERVICE_DEVICE } from '../objects/observed.ts';
import { createDevice, observeDevice, type ObservedDevice } from './device.ts';

/** The greatest possible number of a device; the kernel counts from 1. */
const UNUSED_INDEX = 2 ** 31 - 1;

/**
 * Whether this process may change devices; `null`: yes. Only reads: the kernel checks the privilege before it looks for the device
 * to delete, and no device has this number.
 */
export async function probeDevice(): Promise<BackendError | null> {
  const route = createRouteClient();
  const deleted = await route.deleteLink({ index: UNUSED_INDEX });
  route.close();
  if (deleted.ok || deleted.error.code === 'not-found') return null;
  const { code, operation, message } = deleted.error;
  return backendError(code, operation, message, { kernel: 'unchanged' });
}

/** Creates the device for service addresses; `null`: it exists, and addresses can be assigned to it. */
export async function createServiceDevice(): Promise<BackendError | null> {
  const route = createRouteClient();
  const error = await createDevice(route);
  route.close();
  return error;
}

/** Only the cleanup of the last family removes the device. */
function surveyOf({ device, addresses, isShared }: ObservedDevice): readonly string[] {
  if (device !== 'present') return [];
  const held = addresses.size === 0 ? [] : [`${addresses.size} addresses of ${SERVICE_DEVICE}`];
  return isShared ? held : [...held, `device ${SERVICE_DEVICE}`];
}

/** The objects that a cleanup would remove, one line for each kind; reads only. */
export async function surveyDevice(family: Family): Promise<Result<readonly string[]>> {
  const route = createRouteClient();
  const seen = await observeDevice(route, family);
  route.close();
  if (!seen.ok) return seen;
  return { ok: true, value: surveyOf(seen.value) };
}
