/** A test API server in a namespace of its own process, controlled by messages. Also sends requests to HTTP servers there. */
import { createTestApiServer } from '@signalbox/kubernetes/testing';
import type { WireObject } from '@signalbox/kubernetes';

export type Command =
  | { readonly op: 'url' }
  | { readonly op: 'put'; readonly object: WireObject }
  | { readonly op: 'stop' }
  | { readonly op: 'start' }
  | { readonly op: 'compact' }
  | { readonly op: 'break' }
  | { readonly op: 'events' }
  | { readonly op: 'get'; readonly url: string };

interface Envelope {
  readonly id: number;
  readonly command: Command;
}

const server = await createTestApiServer();

async function execute(command: Command): Promise<unknown> {
  switch (command.op) {
    case 'url':
      return server.url;
    case 'put':
      return server.put(command.object).metadata?.resourceVersion;
    case 'stop':
      return server.stop();
    case 'start':
      return server.start();
    case 'compact':
      return server.store.compact();
    case 'break':
      return server.breakConnections();
    case 'events':
      return server.events;
    case 'get':
      return get(command.url);
  }
}

async function get(url: string): Promise<{ status: number; body: string }> {
  try {
    const answer = await fetch(url);
    return { status: answer.status, body: await answer.text() };
  } catch (error) {
    return { status: 0, body: String(error) };
  }
}

process.on('message', ({ id, command }: Envelope) => {
  execute(command).then(
    (value) => process.send?.({ id, value: value ?? null }),
    (error: unknown) => process.send?.({ id, error: String(error) }),
  );
});
process.once('disconnect', () => process.exit(0));
