/**
 * Follows the configuration file. Its folder is watched and its content compared: a ConfigMap is updated by
 * turning a symbolic link beside the file (`..data`), which a watch on the file itself never sees.
 */
import { watch, type FSWatcher } from 'node:fs';
import { dirname } from 'node:path';
import type { Clock } from '@signalbox/core';
import { FIELDS, getField } from './fields.ts';
import type { Settings } from './settings.ts';

/** The mode, and sections of a mode and the one that it takes the place of: a new backend reads them. */
function sectionsOf(modes: readonly Settings['mode'][]): ReadonlySet<string> {
  const sections = modes.flatMap(({ configuration }) => [configuration.periods, configuration.masquerade]);
  return new Set(['mode', ...sections]);
}

export interface ConfigChange {
  /** Paths that a running proxy applies. */
  readonly live: readonly string[];
  /** Paths that need a restart. */
  readonly restart: readonly string[];
}

export function compareSettings(before: Settings, after: Settings): ConfigChange {
  const isOther = before.mode !== after.mode;
  const sections = isOther ? sectionsOf([before.mode, after.mode]) : new Set<string>();
  const startOnly = isOther ? [] : (after.mode.configuration.startOnly?.(before.config, after.config) ?? []);
  const isTakenOver = (path: string): boolean => sections.has(path.split('.')[0] ?? path);
  const changed = FIELDS.filter(
    ({ path }) =>
      JSON.stringify(getField(before.config, path)) !== JSON.stringify(getField(after.config, path)),
  ).map(({ path, live }) => ({
    path,
    isLive: isTakenOver(path) || (live === true && !startOnly.includes(path)),
  }));
  return {
    live: changed.filter(({ isLive }) => isLive).map(({ path }) => path),
    restart: changed.filter(({ isLive }) => !isLive).map(({ path }) => path),
  };
}

export interface FileWatchOptions {
  readonly path: string;
  readonly content: string;
  readonly read: (path: string) => string;
  readonly clock: Clock;
  /** The file's new content. */
  readonly onChange: (content: string) => void;
}

/** A network file system gives no hints, so the content is looked at now and then besides. */
const POLL = 10_000;
const SETTLE = 100;

export interface FileWatch {
  stop(): void;
}

export function watchFile(options: FileWatchOptions): FileWatch {
  const { path, clock } = options;
  let content = options.content;
  let cancel = (): void => undefined;
  const look = (): void => {
    const now = readOrNull(options);
    // A file that is gone for a moment is in the middle of being replaced.
    if (now !== null && now !== content && now.trim() !== '') {
      content = now;
      options.onChange(now);
    }
    plan(POLL);
  };
  const plan = (delay: number): void => {
    cancel();
    cancel = clock.schedule(delay, look);
  };
  const watcher = watchFolder(dirname(path), () => plan(SETTLE));
  // It may have changed since it was read.
  plan(SETTLE);
  return {
    stop: () => {
      cancel();
      watcher?.close();
    },
  };
}

function watchFolder(folder: string, onHint: () => void): FSWatcher | null {
  try {
    const watcher = watch(folder, { persistent: false }, onHint);
    watcher.on('error', () => watcher.close());
    return watcher;
  } catch {
    return null;
  }
}

function readOrNull({ path, read }: FileWatchOptions): string | null {
  try {
    return read(path);
  } catch {
    return null;
  }
}
