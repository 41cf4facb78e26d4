import { fail, succeed } from '@signalbox/core';
import { createRequire } from 'node:module';
import { endianness } from 'node:os';
import { systemError } from '../codec/errno.ts';
import { NETLINK_PROTOCOL, type NetlinkProtocol } from '../codec/constants.ts';
import { type NetlinkError, type NetlinkResult } from '../result.ts';
import { createDelivery, type DatagramHandlers } from './delivery.ts';

/** Datagrams to and from the kernel: the surface of the addon that this package uses, made safe. */
export interface DatagramSocket {
  /** Sends one datagram. `failed` is called, later, if the kernel did not accept it. */
  send(bytes: Uint8Array, failed: (error: NetlinkError) => void): void;
  /** What the receive buffer takes, in bytes of kernel memory (`SO_RCVBUF` as the kernel counts it). */
  readonly receiveBufferBytes: number;
  /** A larger datagram is refused with EMSGSIZE. */
  readonly sendBufferBytes: number;
  /** Keeps the process alive while answers are awaited, and not else. */
  setWaiting(state: 'waiting' | 'idle'): void;
  close(): void;
}

/** Opens a netlink socket of a protocol. */
export type OpenDatagramSocket = (
  protocol: NetlinkProtocol,
  handlers: DatagramHandlers,
) => NetlinkResult<DatagramSocket>;

interface AddonError extends Error {
  readonly code?: string;
}

/** The part of `RawNetlinkSocket` (npm `netlink` 0.3.0) that is used. */
interface AddonSocket {
  on(
    event: 'message' | 'truncatedMessage',
    listener: (bytes: Buffer, sender: { readonly port: number }) => void,
  ): void;
  on(event: 'error', listener: (error: AddonError) => void): void;
  send(bytes: Uint8Array, options: undefined, done: (error?: AddonError) => void): void;
  close(): void;
  ref(): void;
  unref(): void;
  getRecvBufferSize(): number;
  getSendBufferSize(): number;
}

interface AddonModule {
  readonly RawNetlinkSocket: new (
    protocol: number,
    options: {
      readonly recvBufferSize: number;
      readonly sendBufferSize: number;
      readonly messagePeeking?: boolean;
      readonly msgBufferSize?: number;
    },
  ) => AddonSocket;
}

export interface SocketSizes {
  /** Of each of the socket's two buffers. */
  readonly bufferBytes?: number;
  /** Offered to the kernel for each datagram; by default its size is asked for ahead of reading it. */
  readonly datagramBytes?: number;
}

/** Asked for; the kernel gives at most net.core.{r,w}mem_max, often 208 KiB, and doubles it for its own use. */
const BUFFER_BYTES = 4 << 20;

/**
 * Loads the addon only now: it exists for Linux alone, and its main entry would also load 60 ms worth of
 * tables that are not used here.
 */
function loadAddon(): AddonModule {
  return createRequire(import.meta.url)('netlink/dist/raw.js') as AddonModule;
}

/**
 * The addon aborts the process (no exception, no event) in three cases, all shut out here or above:
 * a JavaScript exception in one of its callbacks: those of this package only queue and cannot throw;
 * an 'error' event without a listener; and an overrun of the receive buffer, which `transport`
 * makes impossible by never asking for more answers at a time than the buffer takes.
 */
export function openDatagramSocket(
  protocol: NetlinkProtocol,
  handlers: DatagramHandlers,
  { bufferBytes = BUFFER_BYTES, datagramBytes }: SocketSizes = {},
): NetlinkResult<DatagramSocket> {
  const operation = `socket(AF_NETLINK, ${protocol})`;
  if (endianness() !== 'LE') {
    return fail({ code: 'unsupported', operation, message: 'only little-endian platforms are supported' });
  }
  try {
    const { RawNetlinkSocket } = loadAddon();
    const buffers = { recvBufferSize: bufferBytes, sendBufferSize: bufferBytes };
    const receive =
      datagramBytes === undefined ? {} : { messagePeeking: false, msgBufferSize: datagramBytes };
    const options = { ...buffers, ...receive };
    const socket = new RawNetlinkSocket(NETLINK_PROTOCOL[protocol], options);
    return succeed(guard(socket, handlers));
  } catch (error) {
    const { code, message } = error as AddonError;
    if (code === 'MODULE_NOT_FOUND' || code === undefined) {
      return fail({ code: 'unsupported', operation, message: `the netlink addon does not load: ${message}` });
    }
    return fail(systemError(operation, code, message));
  }
}

function guard(socket: AddonSocket, handlers: DatagramHandlers): DatagramSocket {
  const state = { open: true };
  const fromKernel = 0;
  const delivery = createDelivery(handlers);
  socket.on('message', (bytes, sender) => {
    if (sender.port === fromKernel) delivery.add(bytes);
  });
  socket.on('truncatedMessage', () => {
    const message = 'the answer is larger than the buffer for it';
    delivery.add({ code: 'protocol', operation: 'recvmsg', message });
  });
  socket.on('error', (error) => delivery.add(addonError('recvmsg', error)));
  return {
    receiveBufferBytes: socket.getRecvBufferSize(),
    sendBufferBytes: socket.getSendBufferSize(),
    send: (bytes, failed) => {
      if (!state.open) return;
      socket.send(bytes, undefined, (error) => {
        if (error !== undefined) setImmediate(() => state.open && failed(addonError('sendmsg', error)));
      });
    },
    setWaiting: (waiting) => {
      if (!state.open) return;
      if (waiting === 'waiting') socket.ref();
      else socket.unref();
    },
    close: () => {
      if (!state.open) return;
      state.open = false;
      delivery.stop();
      socket.close();
    },
  };
}

/** The kernel makes no datagram of a listing larger than this. */
const DUMP_DATAGRAM_BYTES = 32 << 10;

/**
 * For listings. The kernel fills datagrams as large as the buffer that was offered last, and for each goes through a hash set
 * from its beginning: 100,000 elements in datagrams of 4 KB, which is what it sends after a question for the size, take 5 s.
 */
export const openDumpSocket: OpenDatagramSocket = (protocol, handlers) =>
  openDatagramSocket(protocol, handlers, { datagramBytes: DUMP_DATAGRAM_BYTES });

function addonError(operation: string, error: AddonError): NetlinkError {
  return systemError(operation, error.code ?? 'EIO', error.message);
}
