import type { BackendError, Family, Result } from '@signalbox/core';
import { createRouteClient } from '@signalbox/netlink';
import { SERVICE_DEVICE } from '../objects/observed.ts';
import { createDevice, observeDevice } from './device.ts';

/** Creates the device for service addresses; `null`: it exists, and addresses can be assigned to it. */
export async function probeDevice(): Promise<BackendError | null> {
  const route = createRouteClient();
  const error = await createDevice(route);
  route.close();
  return error;
}

/** The objects that a cleanup would remove, one line for each kind; reads only. */
export async function surveyDevice(family: Family): Promise<Result<readonly string[]>> {
  const route = createRouteClient();
  const seen = await observeDevice(route, family);
  route.close();
  if (!seen.ok) return seen;
  const { device, addresses } = seen.value;
  const isOwned = device === 'present' && addresses.size > 0;
  return { ok: true, value: isOwned ? [`${addresses.size} addresses of ${SERVICE_DEVICE}`] : [] };
}
