import type { Sysctl } from '@signalbox/backend-kit';
import { backendError, type BackendError } from '@signalbox/core';
import { requiredSysctls } from './compile/sysctls.ts';
import type { IpvsDriver } from './driver/ipvs-driver.ts';
import { SERVICE_DEVICE } from './objects/bound-address.ts';
import type { Settings } from './options.ts';

/** Checks that this kernel can do it and sets it up (IPVS1, IPVS2). Everything here may be repeated. */
export async function prepareKernel(settings: Settings): Promise<BackendError | null> {
  const { driver, scheduler, timeouts, strictARP } = settings;
  const unusable = await driver.probe(scheduler);
  if (unusable !== null) return unusable;
  for (const sysctl of requiredSysctls({ kernelRelease: driver.kernelRelease(), strictARP })) {
    const error = await ensureSysctl(driver, sysctl);
    if (error !== null) return error;
  }
  const seconds = [timeouts.tcp, timeouts.tcpFin, timeouts.udp];
  return seconds.some((value) => (value ?? 0) > 0) ? driver.setTimeouts(timeouts) : null;
}

/** Writes only what does not suffice: in a container /proc/sys is often read-only, and right already. */
async function ensureSysctl(
  driver: IpvsDriver,
  { name, value, stricter = [] }: Sysctl,
): Promise<BackendError | null> {
  const now = await driver.readSysctl(name);
  if (!now.ok) return now.error;
  if (now.value === value || stricter.includes(now.value)) return null;
  const error = await driver.writeSysctl(name, value);
  if (error === null) return null;
  const message = `${name} is ${now.value}, must be ${value}: ${error.message}`;
  return backendError(error.code, 'sysctl', message, { kernel: 'unchanged' });
}

/** The service device cannot be made where another device has its name. */
export function notDummyError(): BackendError {
  const message = `${SERVICE_DEVICE} exists and is no dummy device: rename it or remove it`;
  return backendError('exists', 'RTM_GETLINK', message, { kernel: 'unchanged' });
}
