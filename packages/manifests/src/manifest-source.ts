import { resolve } from 'node:path';

import { RESOURCES, type Clock, type Source, type SourceHandlers, type SourceProblem } from '@signalbox/core';

import { createDebouncedPoller } from './debounced-poller.ts';
import { createFileCache } from './file-cache.ts';
import { createObjectSet } from './object-set.ts';
import { readManifests } from './read-manifests.ts';
import { systemClock } from '@signalbox/core/system-clock';
import { watchPath, type PathWatch, type WatchPath } from './watch-path.ts';

/** Options of `createManifestSource`. Defaults: `debounceMs` 100, `pollMs` 2,000, `clock` the system clock, `watch` fs.watch. */
export interface ManifestSourceOptions {
  /** A folder of `.yaml`, `.yml` or `.json` files (sub-folders are not entered), or one such file. */
  readonly path: string;
  /** Default: the system clock. */
  readonly clock?: Clock;
  /** One line for each batch of applied changes. */
  readonly log?: (line: string) => void;
  /** Time without a further hint of the file system before the files are read. Editors write in several steps. */
  readonly debounceMs?: number;
  /** Interval of polls without a hint: network file systems give none. */
  readonly pollMs?: number;
  /** Hints that files have changed. Default: those of the operating system. */
  readonly watch?: WatchPath;
}

/**
 * Objects from YAML manifests, kept up to date. Codes of its problems: `path-unreadable`, `file-unreadable`,
 * `bad-yaml`, `bad-document`, `unknown-field`, `bad-field`, `no-effect`, `ignored-kind`, `duplicate-object`,
 * `handler-failed`.
 *
 * Objects stay until a readable file replaces them: a file that is not YAML, cannot be read or was
 * just emptied keeps the objects it gave before, and so does a folder that went away. Removing a file from
 * the folder, or a document from a file, removes its objects.
 */
export function createManifestSource(options: ManifestSourceOptions): Source {
  let running: Running | null = null;
  return {
    start(handlers) {
      running ??= run(options, handlers);
    },
    async stop() {
      await running?.stop();
    },
  };
}

interface Running {
  stop(): Promise<void>;
}

function run(options: ManifestSourceOptions, handlers: SourceHandlers): Running {
  const { clock = systemClock, debounceMs = 100, pollMs = 2_000, watch = watchPath } = options;
  const path = resolve(options.path);
  const scanner = createScanner(path, handlers, options.log ?? (() => undefined));
  let watching: PathWatch | null = null;
  let stopped = false;

  const fail = (error: unknown): ScanOutcome => {
    try {
      handlers.onProblem({ code: 'handler-failed', message: `${path}: ${String(error)}` });
    } catch {
      // onProblem itself failed: there is no other handler to report it to.
    }
    return 'done';
  };
  const poll = async (): Promise<'soon' | 'later'> => {
    // Watch first, read second: a change between the two gives a hint.
    if (watching?.active !== true) watching = await watch(path, () => poller.hint());
    const outcome = await scanner.scan(() => stopped).catch(fail);
    // The watch is on a folder, not on its name: after a swap it reports changes of the old one, or none.
    if (outcome === 'lost' || outcome === 'moved') watching.close();
    return outcome === 'unsettled' || outcome === 'moved' ? 'soon' : 'later';
  };
  const poller = createDebouncedPoller({ clock, debounceMs, pollMs, poll });

  return {
    async stop() {
      stopped = true;
      await poller.stop();
      watching?.close();
    },
  };
}

/**
 * `lost`: the path cannot be read. `moved`: it leads to another folder than before. `unsettled`: a file
 * may be in the middle of a write.
 */
type ScanOutcome = 'done' | 'lost' | 'moved' | 'unsettled';

interface Scanner {
  /** Rejects if a handler throws. */
  scan(isStopped: () => boolean): Promise<ScanOutcome>;
}

/** Whether a value is not that of the call before. */
function createChangeDetector(): (now: string) => boolean {
  let before: string | null = null;
  return (now) => {
    const changed = before !== null && before !== now;
    before = now;
    return changed;
  };
}

function createScanner(path: string, handlers: SourceHandlers, log: (line: string) => void): Scanner {
  const cache = createFileCache(path);
  const set = createObjectSet();
  let synced = false;
  let lostReason = '';
  const hasMoved = createChangeDetector();

  const report = (problems: readonly SourceProblem[]): void => {
    for (const problem of problems) handlers.onProblem(problem);
  };
  const lose = (reason: string): 'lost' => {
    const kept = synced ? 'the objects read before stay in use' : 'waiting for it';
    if (reason !== lostReason) report([{ code: 'path-unreadable', message: `${reason}; ${kept}` }]);
    lostReason = reason;
    return 'lost';
  };
  const deliver = (): void => {
    const files = cache.objects();
    const { events, problems } = set.update(files);
    report(problems);
    if (events.length > 0) {
      log(`${path}: ${events.length} changes, now ${set.size} objects in ${files.size} files`);
      handlers.onEvents(events);
    }
    if (!synced) for (const resource of RESOURCES) handlers.onSynced(resource);
    synced = true;
  };

  return {
    async scan(isStopped) {
      const listing = await readManifests(path, cache.stampOf);
      if (isStopped()) return 'done';
      if (!listing.ok) return lose(listing.error);
      lostReason = '';
      const { problems, unsettled, changed } = cache.take(listing.value.files);
      report(problems);
      if (changed || !synced) deliver();
      if (hasMoved(listing.value.folder)) return 'moved';
      return unsettled ? 'unsettled' : 'done';
    },
  };
}
