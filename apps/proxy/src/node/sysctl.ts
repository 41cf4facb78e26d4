/** Kernel settings under /proc/sys, written only where they differ. */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Sysctl as RequiredSysctl } from '@signalbox/backend-kit';

export interface Files {
  /** Throws as `readFileSync` does. */
  read(path: string): string;
  write(path: string, value: string): void;
}

export const systemFiles: Files = {
  read: (path) => readFileSync(path, 'utf8'),
  write: (path, value) => writeFileSync(path, value),
};

/** A setting that could not be made; one line that names the setting, the value and the reason. */
export type SettingError = string;

/** A setting under /proc/sys. */
export interface Sysctl {
  /** `net/ipv4/ip_forward`. */
  readonly path: string;
  readonly value: string;
  /** Whether another value than `value` does as well and stays: a larger limit, a stricter rule. Absent: none does. */
  readonly suffices?: (current: string) => boolean;
}

/** A setting as the backends name it. */
export function sysctlOf({ name, value, stricter = [] }: RequiredSysctl): Sysctl {
  return { path: name, value, suffices: (current) => stricter.includes(current) };
}

/** Writes only what does not suffice: in a container /proc/sys is often read-only, and right already. */
export function setSysctl(files: Files, { path: name, value, suffices }: Sysctl): SettingError | null {
  const path = `/proc/sys/${name}`;
  const current = readTrimmed(files, path);
  if (current !== null && (current === value || suffices?.(current) === true)) return null;
  return writeSetting(files, path, { value, current });
}

export function atLeast(value: number): (current: string) => boolean {
  return (current) => /^\d+$/.test(current) && Number(current) >= value;
}

export interface Wanted {
  readonly value: string;
  /** `null`: could not be read. */
  readonly current: string | null;
  /** What to say when it is not permitted; absent: what holds for sysctls. */
  readonly right?: string;
}

const SYSCTL_RIGHT =
  'no permission: requires root, for some settings in the network namespace of the host; --init-only as root sets them for a proxy that runs unprivileged';

export function writeSetting(files: Files, path: string, wanted: Wanted): SettingError | null {
  const { value, current, right = SYSCTL_RIGHT } = wanted;
  try {
    files.write(path, value);
    return null;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    const why: Readonly<Record<string, string>> = {
      EROFS:
        'the file system is read-only: the container needs to be privileged, or run --init-only in one that is',
      EACCES: right,
      EPERM: right,
      ENOENT: 'no such setting in this kernel; its module may not be loaded',
    };
    return `cannot set ${path} to ${value} (it is ${current ?? 'unreadable'}): ${why[code] ?? code}`;
  }
}

/** `null` when it cannot be read. */
export function readTrimmed(files: Files, path: string): string | null {
  try {
    return files.read(path).trim();
  } catch {
    return null;
  }
}
