/**
 * The agent of one namespace: `main.ts` in `ip netns exec NS`. Reads requests from stdin, writes replies to
 * stdout, ends with its stdin, so that it never runs longer than the test that started it.
 */
import { createInterface } from 'node:readline';
import { attemptAll } from './attempts.ts';
import { createListeners } from './listeners.ts';
import type { AgentRequest, Attempt, Envelope, Reply } from './protocol.ts';

const listeners = createListeners();

async function serve(request: AgentRequest): Promise<readonly Attempt[]> {
  switch (request.op) {
    case 'listen':
      await listeners.listen(request);
      return [];
    case 'connect':
      return attemptAll(request);
    case 'forget':
      listeners.closeAll();
      return [];
  }
}

function reply(value: Reply): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  const { id, request } = JSON.parse(line) as Envelope;
  serve(request).then(
    (attempts) => reply({ id, attempts }),
    (error: Error) => reply({ id, error: error.message }),
  );
});
lines.on('close', () => process.exit(0));
// EPIPE: the test that sent the request has ended.
process.stdout.on('error', () => process.exit(0));
// The terminal's Ctrl-C goes to the whole group: the test cleans up and then closes stdin.
process.on('SIGINT', () => undefined);
