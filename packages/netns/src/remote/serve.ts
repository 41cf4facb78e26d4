import process from 'node:process';
import type { RemoteAnswer, RemoteCall } from './protocol.ts';

/** Answers the calls of the parent process until it disconnects; `close` then lets this process end. */
export function serveRemote(object: object, close: () => unknown): void {
  const methods = object as Readonly<Record<string, (...args: readonly unknown[]) => unknown>>;
  const answer = async ({ id, method, args }: RemoteCall): Promise<RemoteAnswer> => {
    try {
      return { id, value: await methods[method]?.(...args) };
    } catch (error) {
      return { id, error };
    }
  };
  process.on('message', (message) => {
    void answer(message as RemoteCall).then((reply) => process.send?.(reply));
  });
  process.on('disconnect', () => void close());
}
