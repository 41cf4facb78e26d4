/** What files in /proc and /sys show about the kernel. */
import { access, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { backendError, type BackendError, type Result } from '@signalbox/core';

const SYSCTLS = '/proc/sys';

export async function readSysctl(name: string): Promise<Result<string>> {
  try {
    return { ok: true, value: (await readFile(path.join(SYSCTLS, name), 'utf8')).trim() };
  } catch (error) {
    return { ok: false, error: fileError(name, error) };
  }
}

export async function writeSysctl(name: string, value: string): Promise<BackendError | null> {
  try {
    await writeFile(path.join(SYSCTLS, name), value);
    return null;
  } catch (error) {
    return fileError(name, error);
  }
}

/** IPVS is in this network namespace; asking it over netlink would load its module. */
export function hasIpvs(): Promise<boolean> {
  return exists('/proc/net/ip_vs');
}

/** ip_set is loaded or built in; asking it over netlink would load it. */
export function hasIpset(): Promise<boolean> {
  return exists('/sys/module/ip_set');
}

async function exists(file: string): Promise<boolean> {
  try {
    await access(file);
    return true;
  } catch {
    return false;
  }
}

function fileError(name: string, error: unknown): BackendError {
  const { code, message } = error as NodeJS.ErrnoException;
  const kind = code === 'ENOENT' ? 'not-found' : 'not-permitted';
  return backendError(kind, 'sysctl', `${name}: ${message}`, { kernel: 'unchanged' });
}
