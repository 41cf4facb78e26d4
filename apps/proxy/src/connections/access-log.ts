/** One JSON line for each connection that ends. Writes are asynchronous; lines beyond the buffer are dropped and counted. */
import { appendFile, constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { promisify } from 'node:util';
import { formatAddressPort, pause, servicePortLabel, type Clock } from '@signalbox/core';
import { messageOf } from '../config/problem.ts';
import type { Logger } from '../logging/logger.ts';
import { createOutageLog } from '../logging/outage-log.ts';
import type { ConnectionRecord, OnConnectionEnd } from '../modes/proxy-mode.ts';

export interface AccessLog {
  readonly write: OnConnectionEnd;
  /** Lines that were dropped: the buffer was full, or the file could not be written. */
  dropped(): number;
  /** Resolves when the buffered lines are written, or could not be. */
  close(): Promise<void>;
}

/** Resolves when all of the text is written. */
type Append = (text: string) => Promise<void>;

/** Standard output. */
const STDOUT = '-';
const STDOUT_FD = 1;
const STDOUT_PATH = '/proc/self/fd/1';
/** Limit of the text that waits for a write, in characters: about 4000 lines. */
const BUFFER_LIMIT = 1 << 20;

const { O_APPEND, O_CREAT, O_NONBLOCK, O_WRONLY } = constants;
/**
 * O_APPEND: after another process has truncated the file, lines are written at its new end. O_NONBLOCK, which Windows does not have:
 * a named pipe without a reader is an error instead of a wait without end, and no thread waits for a slow reader. Node.js joins its
 * threads at exit: a write that blocks would keep the process from ending.
 */
const FLAGS = O_APPEND | O_CREAT | O_WRONLY | (O_NONBLOCK ?? 0);

/** Milliseconds between two attempts to write to a full pipe. */
const RETRY_MS = 20;

interface AccessLogParts {
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Throws as `open` does. `-`: standard output. */
export async function openAccessLog(path: string, { logger, clock }: AccessLogParts): Promise<AccessLog> {
  const file = path === STDOUT ? await openStdout() : await open(path, FLAGS, 0o640);
  if (file === null) {
    // process.stdout would block the event loop while a pipe or a file is slow.
    const append = promisify(appendFile);
    return createAccessLog((text) => append(STDOUT_FD, text), { path, logger });
  }
  const log = createAccessLog((text) => appendAll(file, text, clock), { path, logger });
  let closing: Promise<void> | null = null;
  const close = async (): Promise<void> => {
    await log.close();
    await file.close();
  };
  return { ...log, close: () => (closing ??= close()) };
}

/** Opened again, which other users of the standard output do not notice. `null`: a socket, a pipe of another user, not Linux. */
async function openStdout(): Promise<FileHandle | null> {
  try {
    return await open(STDOUT_PATH, FLAGS & ~O_CREAT);
  } catch {
    return null;
  }
}

/** A pipe takes 64 KiB until its reader continues: the rest waits here, and further lines in the buffer. */
async function appendAll(file: FileHandle, text: string, clock: Clock): Promise<void> {
  for (let rest = Buffer.from(text); rest.length > 0;) {
    try {
      const { bytesWritten } = await file.write(rest);
      rest = rest.subarray(bytesWritten);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      await pause(clock, RETRY_MS);
    }
  }
}

interface State {
  waiting: string[];
  /** Characters. */
  size: number;
  isWriting: boolean;
  dropped: number;
}

export function createAccessLog(
  append: Append,
  { path, logger }: { readonly path: string; readonly logger: Logger },
): AccessLog {
  const state: State = { waiting: [], size: 0, isWriting: false, dropped: 0 };
  const report = createOutageLog({
    onBegin: (err) =>
      logger.error('Failed to write the access log; lines are dropped until it can be written', {
        path,
        err,
      }),
    onEnd: () => logger.info('The access log can be written again', { path, dropped: state.dropped }),
  });
  let flushed = Promise.resolve();
  return {
    write(record) {
      const line = formatRecord(record);
      if (state.size + line.length > BUFFER_LIMIT) return void state.dropped++;
      state.waiting.push(line);
      state.size += line.length;
      if (!state.isWriting) flushed = flush(state, append, report);
    },
    dropped: () => state.dropped,
    close: () => flushed,
  };
}

/** Until no line waits. */
async function flush(state: State, append: Append, report: (error: string | null) => void): Promise<void> {
  state.isWriting = true;
  while (state.waiting.length > 0) {
    const lines = state.waiting;
    state.waiting = [];
    state.size = 0;
    try {
      await append(lines.join(''));
      report(null);
    } catch (error) {
      state.dropped += lines.length;
      report(messageOf(error));
    }
  }
  state.isWriting = false;
}

function formatRecord(record: ConnectionRecord): string {
  const { servicePort, client, frontend, endpoint, attempts, startedAt, endedAt } = record;
  const text = ({ address, port }: typeof client): string => formatAddressPort(address, port);
  const line = {
    time: new Date(endedAt).toISOString(),
    servicePort: servicePortLabel(servicePort),
    protocol: servicePort.protocol,
    client: text(client),
    frontend: text(frontend),
    endpoint: endpoint === null ? null : text(endpoint),
    attempts: attempts.map((each) => ({ endpoint: text(each.endpoint), outcome: each.outcome })),
    bytesIn: record.bytesIn,
    bytesOut: record.bytesOut,
    durationMs: endedAt - startedAt,
    cause: record.cause,
  };
  return `${JSON.stringify(line)}\n`;
}
