/** This process as a Windows service, and the service control manager. */
import { formatBackendError } from '@signalbox/core';
import type { Settings } from '../config/settings.ts';
import type { ServiceControl, Services } from './composition.ts';

/** Loaded only where it is asked for. */
const load = () => import('@signalbox/backend-winvfp');

/**
 * Whether to run as a Windows service: by flag, which counts beside a file too since the service is installed with both,
 * or by field. A file may be shared with nodes of another system, where the field has no effect.
 */
export function wantsWindowsService(
  { given, config }: Settings,
  platform: NodeJS.Platform,
): boolean | string {
  const flag = given.get('windows-service') === true;
  if (platform !== 'win32') return flag ? '--windows-service: only on Windows' : false;
  return flag || config.windowsRunAsService;
}

export async function startWindowsService(settings: Settings): Promise<ServiceControl | string | null> {
  const wanted = wantsWindowsService(settings, process.platform);
  if (typeof wanted === 'string') return wanted;
  if (!wanted) return null;
  const { createWindowsService, loadNativeLayer } = await load();
  const loaded = loadNativeLayer();
  if (!loaded.ok) return formatBackendError(loaded.error);
  const started = await createWindowsService(loaded.value);
  if (!started.ok) return formatBackendError(started.error);
  return started.value;
}

/** `null`: this is no Windows. */
export async function windowsServices(): Promise<Services | null> {
  if (process.platform !== 'win32') return null;
  const { createServiceManager } = await load();
  const manager = createServiceManager();
  return {
    install: (installation) => manager.install(installation),
    uninstall: () => manager.uninstall(),
    status: () => manager.status(),
  };
}
