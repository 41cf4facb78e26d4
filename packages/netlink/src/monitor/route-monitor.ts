import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Clock } from '@signalbox/core';
import { systemClock } from '@signalbox/core/system-clock';
import { NETLINK_PROTOCOL } from '../codec/constants.ts';
import { decodeMessages } from '../codec/message.ts';
import { ROUTE_GROUP } from '../families/route/constants.ts';
import { decodeNotification, type RouteNotification } from '../families/route/notification.ts';

/** What the monitor reports. */
export interface RouteMonitorEvents {
  /**
   * The monitor listens, for the first time or again: earlier changes were not reported, so read the links and
   * addresses now.
   */
  readonly resync: () => void;
  /** One change of a link or of an address, in the order of the kernel. */
  readonly notification: (notification: RouteNotification) => void;
  /**
   * The child process is not running, for a reason in one line. Called once for each outage: not again until a
   * child has run for a minute. `stopped`: it did not start, and is not started again.
   */
  readonly interrupted?: (reason: string, next: 'restarting' | 'stopped') => void;
}

/** How the child process is started, and started again. */
export interface RouteMonitorOptions {
  /** The program of the child: `@signalbox/netlink/monitor-child`. A bundle has to say where it put it. */
  readonly childFile?: string;
  /** By default that of the process. */
  readonly clock?: Clock;
  /** Starts the child. A test gives its own. */
  readonly spawn?: SpawnChild;
}

/** Runs `file` in Node.js with the parameters `words`; its standard streams are pipes. */
export type SpawnChild = (file: string, words: readonly string[]) => ChildProcess;

/** A running monitor. */
export interface RouteMonitor {
  /** Ends the child process; no event follows. */
  close(): void;
}

/** Before the first restart; doubled for each further one. */
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 30_000;

/** After this time a child counts as working: pauses begin anew, and its end is reported. */
const STEADY_MS = 60_000;

/** What is missing comes back: processes, descriptors, memory. */
const SHORTAGES: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'EAGAIN', 'ENOMEM']);

const STDERR_CHARACTERS = 2_000;

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

/** Without it SIGUSR1 opens the inspector of Node.js to every user of the node. Node.js 20 has no such flag. */
const NO_INSPECTOR = ['--disable-sigusr1'].filter((flag) => process.allowedNodeEnvironmentFlags.has(flag));

const spawnNode: SpawnChild = (file, words) =>
  spawn(process.execPath, [...NO_INSPECTOR, file, ...words], { stdio: ['pipe', 'pipe', 'pipe'] });

/** One start of the child process. */
interface Attempt {
  readonly child: ChildProcess;
  ready: boolean;
  stderr: string;
}

class ChildWatch {
  readonly #events: RouteMonitorEvents;
  readonly #childFile: string;
  readonly #clock: Clock;
  readonly #spawn: SpawnChild;
  #attempt: Attempt | undefined;
  /** Of the restart, or of the moment when the child counts as working. */
  #cancelTimer = (): void => undefined;
  #pause = FIRST_PAUSE_MS;
  #reported = false;
  #closed = false;

  constructor(events: RouteMonitorEvents, options: RouteMonitorOptions) {
    this.#events = events;
    this.#childFile = options.childFile ?? defaultChildFile();
    this.#clock = options.clock ?? systemClock;
    this.#spawn = options.spawn ?? spawnNode;
  }

  start(): void {
    if (this.#closed) return;
    const { link, ipv4Address, ipv6Address } = ROUTE_GROUP;
    const parameters = [NETLINK_PROTOCOL.route, link, ipv4Address, ipv6Address].map(String);
    try {
      this.#listen(this.#spawn(this.#childFile, parameters));
    } catch (error) {
      // spawn() throws for some errors (ENOMEM, an invalid argument) and emits others.
      this.#notStarted(error as NodeJS.ErrnoException);
    }
  }

  close(): void {
    this.#closed = true;
    this.#cancelTimer();
    this.#attempt?.child.stdin?.end();
    this.#attempt?.child.kill();
    this.#attempt = undefined;
  }

  #listen(child: ChildProcess): void {
    const attempt: Attempt = { child, ready: false, stderr: '' };
    this.#attempt = attempt;
    child.once('error', (error) => this.#attempt === attempt && this.#notStarted(error));
    child.once('close', (code, signal) => this.#attempt === attempt && this.#ended(attempt, code, signal));
    // There are no pipes if there was no descriptor for them; the 'error' event follows.
    child.stdin?.on('error', () => {});
    child.stderr?.on('data', (chunk) => {
      attempt.stderr = (attempt.stderr + String(chunk)).slice(0, STDERR_CHARACTERS);
    });
    if (child.stdout)
      createInterface({ input: child.stdout }).on('line', (line) => this.#read(attempt, line));
  }

  #read(attempt: Attempt, line: string): void {
    if (this.#attempt !== attempt) return;
    if (line === 'ready') {
      attempt.ready = true;
      this.#cancelTimer = this.#clock.schedule(STEADY_MS, () => this.#settled());
      this.#events.resync();
      return;
    }
    for (const message of decodeMessages(Buffer.from(line, 'base64'))) {
      const notification = decodeNotification(message);
      if (notification !== undefined) this.#events.notification(notification);
    }
  }

  #settled(): void {
    this.#pause = FIRST_PAUSE_MS;
    this.#reported = false;
  }

  #notStarted(error: NodeJS.ErrnoException): void {
    const next = SHORTAGES.has(error.code ?? '') ? 'restarting' : 'stopped';
    this.#interrupted(`cannot be started: ${error.message}`, next);
  }

  #ended({ ready, stderr }: Attempt, code: number | null, signal: NodeJS.Signals | null): void {
    const reason = [`ended with ${signal ?? `status ${code}`}`, errorLine(stderr)].filter(
      (part) => part !== '',
    );
    this.#interrupted(reason.join(': '), ready ? 'restarting' : 'stopped');
  }

  #interrupted(reason: string, next: 'restarting' | 'stopped'): void {
    this.#attempt = undefined;
    this.#cancelTimer();
    if (next === 'restarting') {
      this.#cancelTimer = this.#clock.schedule(this.#pause, () => this.start());
      this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE_MS);
    }
    if (this.#reported && next === 'restarting') return;
    this.#reported = true;
    this.#events.interrupted?.(`${this.#childFile} ${reason}`, next);
  }
}

/** The line of an uncaught exception that names it; the last line of anything else. */
function errorLine(stderr: string): string {
  const lines = stderr.split('\n').map((line) => line.trim());
  return lines.find((line) => /^\w*Error\b.*:/.test(line)) ?? lines.findLast((line) => line !== '') ?? '';
}
