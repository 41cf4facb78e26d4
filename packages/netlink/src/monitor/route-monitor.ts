import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { NETLINK_PROTOCOL } from '../codec/constants.ts';
import { decodeMessages } from '../codec/message.ts';
import { ROUTE_GROUP } from '../families/route/constants.ts';
import { decodeNotification, type RouteNotification } from '../families/route/notification.ts';

/** What the monitor reports. */
export interface RouteMonitorEvents {
  /** The monitor listens: earlier changes were not reported, so read the links and addresses now. */
  readonly ready: () => void;
  /** One change of a link or of an address, in the order of the kernel. */
  readonly notification: (notification: RouteNotification) => void;
  /**
   * The child process has ended, or could not be started, for a reason in one line; no event follows. `restarting`: another
   * monitor may work, after a pause; `stopped`: it would end in the same way.
   */
  readonly ended?: (reason: string, next: 'restarting' | 'stopped') => void;
}

/** How the child process is started. */
export interface RouteMonitorOptions {
  /** The program of the child: `@signalbox/netlink/monitor-child`. A bundle has to say where it put it. */
  readonly childFile?: string;
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

/** What is missing comes back: processes, descriptors, memory. */
const SHORTAGES: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'EAGAIN', 'ENOMEM']);

const STDERR_CHARACTERS = 2_000;

/**
 * Watches links and addresses of this process's network namespace. The listening is done by a child process:
 * a burst of notifications may overrun a socket, and with the addon that is the end of the process.
 */
export function watchRoutes(events: RouteMonitorEvents, options: RouteMonitorOptions = {}): RouteMonitor {
  const { childFile = defaultChildFile(), spawn: spawnChild = spawnNode } = options;
  const watch: Watch = { events, childFile, isReady: false, isOver: false };
  const child = start(watch, spawnChild);
  return {
    close() {
      watch.isOver = true;
      child?.stdin?.end();
      child?.kill();
    },
  };
}

interface Watch {
  readonly events: RouteMonitorEvents;
  readonly childFile: string;
  isReady: boolean;
  isOver: boolean;
}

function start(watch: Watch, spawnChild: SpawnChild): ChildProcess | null {
  const { link, ipv4Address, ipv6Address } = ROUTE_GROUP;
  const parameters = [NETLINK_PROTOCOL.route, link, ipv4Address, ipv6Address].map(String);
  try {
    const child = spawnChild(watch.childFile, parameters);
    listen(watch, child);
    return child;
  } catch (error) {
    // spawn() throws for some errors (ENOMEM, an invalid argument) and emits others.
    notStarted(watch, error as NodeJS.ErrnoException);
    return null;
  }
}

function listen(watch: Watch, child: ChildProcess): void {
  let stderr = '';
  child.once('error', (error) => notStarted(watch, error));
  child.once('close', (code, signal) => {
    const reason = [`ended with ${signal ?? `status ${code}`}`, errorLine(stderr)];
    end(watch, reason.filter((part) => part !== '').join(': '), watch.isReady ? 'restarting' : 'stopped');
  });
  // There are no pipes if there was no descriptor for them; the 'error' event follows.
  child.stdin?.on('error', () => {});
  child.stderr?.on('data', (chunk) => {
    stderr = (stderr + String(chunk)).slice(0, STDERR_CHARACTERS);
  });
  if (child.stdout) createInterface({ input: child.stdout }).on('line', (line) => read(watch, line));
}

function read(watch: Watch, line: string): void {
  if (watch.isOver) return;
  if (line === 'ready') {
    watch.isReady = true;
    watch.events.ready();
    return;
  }
  for (const message of decodeMessages(Buffer.from(line, 'base64'))) {
    const notification = decodeNotification(message);
    if (notification !== undefined) watch.events.notification(notification);
  }
}

function notStarted(watch: Watch, error: NodeJS.ErrnoException): void {
  const next = SHORTAGES.has(error.code ?? '') ? 'restarting' : 'stopped';
  end(watch, `cannot be started: ${error.message}`, next);
}

function end(watch: Watch, reason: string, next: 'restarting' | 'stopped'): void {
  if (watch.isOver) return;
  watch.isOver = true;
  watch.events.ended?.(`${watch.childFile} ${reason}`, next);
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

/** The line of an uncaught exception that names it; the last line of anything else. */
function errorLine(stderr: string): string {
  const lines = stderr.split('\n').map((line) => line.trim());
  return lines.find((line) => /^\w*Error\b.*:/.test(line)) ?? lines.findLast((line) => line !== '') ?? '';
}
