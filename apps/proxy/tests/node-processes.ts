/** Processes of the node of a world: the proxy under test, and the API server that it watches. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Host } from '@signalbox/netns';
import { inject } from 'vitest';
import type { Command } from './api-server-child.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The packed program, in a folder of its own: tools/packed-app.mjs. */
    readonly packedApp: string;
  }
}

const HERE = fileURLToPath(new URL('.', import.meta.url));
const NODE_OPTIONS = ['--no-warnings', '--conditions=signalbox-source'];

function start(host: Host, words: readonly string[], ipc: 'ipc' | 'ignore'): ChildProcess {
  const [file = '', ...prefix] = host.prefix;
  return spawn(file, [...prefix, process.execPath, ...words], { stdio: ['ignore', 'pipe', 'pipe', ipc] });
}

export interface ApiServer {
  ask<T = unknown>(command: Command): Promise<T>;
  close(): void;
}

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
}

export function startApiServer(host: Host): ApiServer {
  const child = start(host, [...NODE_OPTIONS, `${HERE}api-server-child.ts`], 'ipc');
  const waiting = new Map<number, Waiting>();
  let next = 0;
  let output = '';
  child.stderr?.on('data', (chunk) => (output += String(chunk)));
  child.on('message', ({ id, value, error }: { id: number; value?: unknown; error?: string }) => {
    const asked = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) asked?.resolve(value as never);
    else asked?.reject(new Error(error));
  });
  child.once('exit', () => {
    for (const { reject } of waiting.values()) reject(new Error(`the API server ended: ${output}`));
  });
  return {
    ask: (command) =>
      new Promise((resolve, reject) => {
        next += 1;
        waiting.set(next, { resolve, reject });
        child.send({ id: next, command });
      }),
    close: () => child.kill('SIGKILL'),
  };
}

export interface ProxyProcess {
  readonly pid: number;
  /** Everything it has written. */
  log(): string;
  /** The exit status, or the signal that ended it. */
  end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null>;
  readonly ended: Promise<number | NodeJS.Signals | null>;
}

/** Command and arguments of the program as it ships. */
export function packedProgram(): readonly string[] {
  return [process.execPath, inject('packedApp')];
}

/** `signalbox` with these flags, as it ships. */
export function startSignalbox(host: Host, flags: readonly string[]): ProxyProcess {
  return startProgram([...host.prefix, ...packedProgram(), ...flags]);
}

export function startProgram([file = '', ...words]: readonly string[]): ProxyProcess {
  const child = spawn(file, words, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += String(chunk)));
  const ended = once(child, 'close').then(
    ([code, signal]) => (code ?? signal) as number | NodeJS.Signals | null,
  );
  return {
    pid: child.pid ?? 0,
    log: () => output,
    ended,
    end: (signal) => {
      child.kill(signal);
      return ended;
    },
  };
}

/**
 * Asks again and again until the answer is as wished; fails with the last answer and `context`. `patience`:
 * milliseconds, a bound for what never happens, below the limit of the test and far above what a busy machine needs.
 */
export async function eventually<T>(
  ask: () => Promise<T>,
  wished: (answer: T) => boolean,
  context: () => string = () => '',
  patience = 100_000,
): Promise<T> {
  const deadline = Date.now() + patience;
  for (;;) {
    const answer = await ask();
    if (wished(answer)) return answer;
    if (Date.now() > deadline) throw new Error(`still ${JSON.stringify(answer)}\n${context()}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
