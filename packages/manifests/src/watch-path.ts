/** Reports that something may have changed under a path. Hints only: the reader compares, and polls besides. */
import { watch, type FSWatcher } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** A watch of the file system on one folder. */
export interface PathWatch {
  /** Whether the operating system watches it now; if not, changes are detected only by polling. */
  readonly active: boolean;
  /** Ends the watch. */
  close(): void;
}

/** Watches the folder, or the folder of the file: a file replaced by renaming another over it has a new inode. */
export type WatchPath = (path: string, onHint: () => void) => Promise<PathWatch>;

export const watchPath: WatchPath = async (path, onHint) => {
  let watcher: FSWatcher | null = null;
  const close = (): void => {
    watcher?.close();
    watcher = null;
  };
  try {
    const folder = (await stat(path)).isDirectory() ? path : dirname(path);
    watcher = watch(folder, { persistent: true }, onHint);
    // The folder went away, or the system ran out of watches.
    watcher.on('error', () => {
      close();
      onHint();
    });
  } catch {
    close();
  }
  return {
    get active() {
      return watcher !== null;
    },
    close,
  };
};
