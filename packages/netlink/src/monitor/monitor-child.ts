/**
 * The process that listens to multicast groups, so that a burst which overruns the receive buffer aborts
 * it and not the daemon: the addon (npm `netlink` 0.3.0) calls abort() then. It writes every datagram to
 * standard output as one line of base64, and ends when its standard input ends (its parent is gone).
 *
 *   monitor-child.js PROTOCOL GROUP...
 */
import inspector from 'node:inspector';
import { createRequire } from 'node:module';
import process, { argv, exit, stderr, stdin, stdout } from 'node:process';

interface ListeningSocket {
  on(event: 'message', listener: (bytes: Buffer) => void): void;
  on(event: 'error', listener: (error: Error) => void): void;
  addMembership(group: number): void;
}

interface AddonModule {
  readonly RawNetlinkSocket: new (
    protocol: number,
    options: { readonly recvBufferSize: number },
  ) => ListeningSocket;
}

const RECEIVE_BUFFER_BYTES = 4 << 20;

/** If the parent does not read, the backlog grows in this process: past this limit it exits and is started again. */
const BACKLOG_BYTES = 16 << 20;

function listen(protocol: number, groups: readonly number[]): void {
  const { RawNetlinkSocket } = createRequire(import.meta.url)('netlink/dist/raw.js') as AddonModule;
  const socket = new RawNetlinkSocket(protocol, { recvBufferSize: RECEIVE_BUFFER_BYTES });
  socket.on('error', (error) => {
    stderr.write(`${error.message}\n`);
    exit(1);
  });
  socket.on('message', (bytes) => {
    setImmediate(() => {
      stdout.write(`${bytes.toString('base64')}\n`);
      if (stdout.writableLength > BACKLOG_BYTES) exit(1);
    });
  });
  for (const group of groups) socket.addMembership(group);
}

// By default SIGUSR1 opens the inspector of Node.js to every user of the node; one that came before this line does so a moment
// later. Of Node.js 20: later versions are started with --disable-sigusr1.
process.on('SIGUSR1', () => undefined);
inspector.close();
setImmediate(() => inspector.close());
stdin.on('end', () => exit(0));
stdin.on('error', () => exit(0));
stdout.on('error', () => exit(0));
stdin.resume();
const [protocol = Number.NaN, ...groups] = argv.slice(2).map(Number);
listen(protocol, groups);
// Signals to the parent that from now on no notification is missed.
stdout.write('ready\n');
