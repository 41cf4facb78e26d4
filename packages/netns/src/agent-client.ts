/** The client of the agent of one namespace. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { AgentRequest, Attempt, Envelope, Reply } from './agent/protocol.ts';

export interface AgentClient {
  /** Rejects if the agent could not carry out the request, or has ended. */
  ask(request: AgentRequest): Promise<readonly Attempt[]>;
  close(): void;
}

interface Waiting {
  readonly resolve: (attempts: readonly Attempt[]) => void;
  readonly reject: (error: Error) => void;
}

const script = fileURLToPath(new URL('agent/main.ts', import.meta.url));

/** `prefix`: the command line that runs what follows it inside the namespace. */
export function startAgent(prefix: readonly string[]): AgentClient {
  const [command, ...args] = [...prefix, process.execPath, '--no-warnings', script];
  const child = spawn(command, args, {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'], NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] },
  });
  const waiting = new Map<number, Waiting>();
  const state: { last: number; ended: Error | null } = { last: 0, ended: null };
  const failAll = (error: Error): void => {
    state.ended = error;
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  createInterface({ input: child.stdout }).on('line', (line) => {
    const answer = JSON.parse(line) as Reply;
    const asked = waiting.get(answer.id);
    waiting.delete(answer.id);
    if ('error' in answer) asked?.reject(new Error(`${prefix.join(' ')}: ${answer.error}`));
    else asked?.resolve(answer.attempts);
  });
  child.stdin.on('error', failAll);
  child.on('error', failAll);
  child.on('close', (code) => failAll(new Error(`${prefix.join(' ')}: the agent ended (exit ${code})`)));
  return {
    ask: (request) =>
      new Promise((resolve, reject) => {
        if (state.ended !== null) {
          reject(state.ended);
          return;
        }
        const id = (state.last += 1);
        waiting.set(id, { resolve, reject });
        const envelope: Envelope = { id, request };
        child.stdin.write(`${JSON.stringify(envelope)}\n`);
      }),
    close: () => child.stdin.end(),
  };
}
