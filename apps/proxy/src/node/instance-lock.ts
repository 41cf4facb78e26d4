/**
 * One signalbox a network namespace: two would take turns at repairing each other's rules. The lock is an
 * abstract socket, which belongs to the network namespace and dies with the process, however it dies. Windows has a
 * named pipe for it, one a host.
 */
import { createServer } from 'node:net';

export interface InstanceLock {
  release(): void;
}

/** `null` when somebody else has it. */
export function takeInstanceLock(name = 'signalbox'): Promise<InstanceLock | null> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', () => resolve(null));
    server.listen(process.platform === 'win32' ? `\\\\.\\pipe\\${name}` : `\0${name}`, () => {
      server.unref();
      resolve({ release: () => server.close() });
    });
  });
}
