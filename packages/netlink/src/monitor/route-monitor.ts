import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { NETLINK_PROTOCOL } from '../codec/constants.ts';
import { decodeMessages } from '../codec/message.ts';
import { ROUTE_GROUP } from '../families/route/constants.ts';
import { decodeNotification, type RouteNotification } from '../families/route/notification.ts';

/** What the monitor tells. */
export interface RouteMonitorEvents {
  /**
   * The monitor listens, for the first time or again: whatever happened before was not seen, so read the
   * links and addresses now.
   */
  readonly resync: () => void;
  readonly notification: (notification: RouteNotification) => void;
  /** The child ended, for a reason in one line; it is started again. */
  readonly interrupted?: (reason: string) => void;
}

export interface RouteMonitorOptions {
  /** The program of the child: `@signalbox/netlink/monitor-child`. A bundle has to say where it put it. */
  readonly childFile?: string;
  /** Before the first restart; doubled for each further one, up to 30 s. 200 ms unless said. */
  readonly restartMilliseconds?: number;
}

export interface RouteMonitor {
  close(): void;
}

const LONGEST_PAUSE_MS = 30_000;

/**
 * Watches links and addresses of this process's network namespace. The listening is done by a child process:
 * a burst of notifications may overrun a socket, and with the addon that is the end of the process.
 */
export function watchRoutes(events: RouteMonitorEvents, options: RouteMonitorOptions = {}): RouteMonitor {
  const watch = new ChildWatch(events, options);
  watch.start();
  return { close: () => watch.close() };
}

/** Beside this module, as source or as built. */
function defaultChildFile(): string {
  const built = import.meta.url.endsWith('.js');
  return fileURLToPath(new URL(built ? './monitor-child.js' : './monitor-child.ts', import.meta.url));
}

/** `null`: there was no memory for it, which `spawn` throws. */
function spawnChild(words: readonly string[]): ChildProcess | null {
  try {
    return spawn(process.execPath, words, { stdio: ['pipe', 'pipe', 'ignore'] });
  } catch {
    return null;
  }
}

class ChildWatch {
  readonly #events: RouteMonitorEvents;
  readonly #childFile: string;
  readonly #firstPause: number;
  #child: ChildProcess | undefined;
  #restart: NodeJS.Timeout | undefined;
  #pause: number;
  #closed = false;

  constructor(events: RouteMonitorEvents, options: RouteMonitorOptions) {
    this.#events = events;
    this.#childFile = options.childFile ?? defaultChildFile();
    this.#firstPause = options.restartMilliseconds ?? 200;
    this.#pause = this.#firstPause;
  }

  start(): void {
    if (this.#closed) return;
    const { link, ipv4Address, ipv6Address } = ROUTE_GROUP;
    const parameters = [NETLINK_PROTOCOL.route, link, ipv4Address, ipv6Address].map(String);
    const child = spawnChild([this.#childFile, ...parameters]);
    if (child === null) return this.#pauseAfter('cannot be started');
    this.#child = child;
    // Without descriptors to spare there are no pipes; the error follows.
    child.stdin?.on('error', () => {});
    if (child.stdout) createInterface({ input: child.stdout }).on('line', (line) => this.#heard(line));
    child.once('error', (error) => this.#ended(`does not start: ${error.message}`));
    child.once('close', (code, signal) => this.#ended(`ended with ${signal ?? `status ${code}`}`));
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#restart);
    this.#child?.stdin?.end();
    this.#child?.kill();
    this.#child = undefined;
  }

  #heard(line: string): void {
    if (this.#closed) return;
    if (line === 'ready') {
      this.#pause = this.#firstPause;
      this.#events.resync();
      return;
    }
    for (const message of decodeMessages(Buffer.from(line, 'base64'))) {
      const notification = decodeNotification(message);
      if (notification !== undefined) this.#events.notification(notification);
    }
  }

  #ended(reason: string): void {
    if (this.#closed || this.#child === undefined) return;
    this.#child = undefined;
    this.#pauseAfter(reason);
  }

  #pauseAfter(reason: string): void {
    this.#events.interrupted?.(`${this.#childFile} ${reason}`);
    this.#restart = setTimeout(() => this.start(), this.#pause);
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE_MS);
  }
}
