import { spawn, type ChildProcess } from 'node:child_process';
import process from 'node:process';
import type { RemoteAnswer } from './protocol.ts';

export interface RemoteOptions {
  /** The command line that runs what follows it in the namespace: `['ip', 'netns', 'exec', 'node']`. */
  readonly prefix: readonly string[];
  /** A module that makes the object from `args` and calls `serveRemote`. */
  readonly script: string;
  readonly args: readonly string[];
}

/** Methods that return a promise. */
export type RemoteMethod<T> = {
  [M in keyof T]: T[M] extends (...args: never[]) => Promise<unknown> ? M : never;
}[keyof T] &
  string;

/** An object in another process, and so in another network namespace: a socket belongs to the namespace of its process. */
export interface Remote<T> {
  /** A function that calls this method in the other process; the process starts at the first call. */
  method<M extends RemoteMethod<T>>(name: M): T[M];
  close(): void;
}

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export function createRemote<T>(options: RemoteOptions): Remote<T> {
  const current: { connection: Connection | null; lastId: number } = { connection: null, lastId: 0 };
  const call = (method: string, args: readonly unknown[]): Promise<unknown> => {
    const { child, pending } = (current.connection ??= connect(options));
    const id = ++current.lastId;
    return new Promise((resolve, reject) => {
      pending.set(id, { resolve, reject });
      child.send({ id, method, args });
    });
  };
  return {
    method: <M extends RemoteMethod<T>>(name: M) =>
      ((...args: readonly unknown[]) => call(name, args)) as T[M],
    close() {
      const child = current.connection?.child;
      if (child?.connected === true) child.disconnect();
      current.connection = null;
    },
  };
}

interface Connection {
  readonly child: ChildProcess;
  readonly pending: Map<number, Pending>;
}

function connect({ prefix, script, args }: RemoteOptions): Connection {
  const command = [...prefix, process.execPath, '--conditions=signalbox-source', script, ...args];
  const [file = '', ...rest] = command;
  const child = spawn(file, rest, {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    serialization: 'advanced',
  });
  const pending: Connection['pending'] = new Map();
  child.on('message', (message) => {
    const { id, value, error } = message as RemoteAnswer;
    if (error === undefined) pending.get(id)?.resolve(value);
    else pending.get(id)?.reject(error);
    pending.delete(id);
  });
  const rejectAll = (reason: string): void => {
    const error = new Error(`${command.join(' ')} ${reason}`);
    for (const { reject } of pending.values()) reject(error);
  };
  child.on('exit', (code, signal) => rejectAll(`ended with ${signal ?? code}`));
  child.on('error', ({ message }) => rejectAll(`could not be started: ${message}`));
  return { child, pending };
}
