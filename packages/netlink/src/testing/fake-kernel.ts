import { succeed } from '@signalbox/core';
import { decodeMessages, type NetlinkMessage } from '../codec/message.ts';
import type { OpenDatagramSocket } from '../socket/datagram-socket.ts';
import type { DatagramHandlers } from '../socket/delivery.ts';

/** A message of the kernel, to the sequence number of the request by default. */
export interface FakeAnswer {
  readonly type: number;
  readonly flags?: number;
  readonly sequence?: number;
  readonly payload?: Uint8Array;
}

/** A kernel in memory, and what it received. `open` is an option of a client. */
export interface FakeKernel {
  readonly open: OpenDatagramSocket;
  /** Messages received, by datagram. */
  readonly datagrams: readonly (readonly NetlinkMessage[])[];
  /** Sockets opened so far. */
  readonly opened: () => number;
  /** Breaks the socket that is open now, as a receive error does. */
  readonly breakSocket: (errnoName: string) => void;
}

/** What the fake kernel answers. */
export interface FakeKernelOptions {
  /** Answers to one message; none at all is a kernel that keeps silent. */
  readonly answer: (message: NetlinkMessage) => readonly FakeAnswer[];
  /** Receive buffer that its sockets report; 212,992 by default. */
  readonly receiveBufferBytes?: number;
}

/** The other end of a netlink socket: tests of the layers above need no privileges and no Linux. */
export function createFakeKernel({ answer, receiveBufferBytes = 212_992 }: FakeKernelOptions): FakeKernel {
  const datagrams: (readonly NetlinkMessage[])[] = [];
  const state: { opened: number; handlers?: DatagramHandlers } = { opened: 0 };
  const open: OpenDatagramSocket = (_protocol, handlers) => {
    state.opened += 1;
    state.handlers = handlers;
    const socket = { open: true };
    return succeed({
      receiveBufferBytes,
      sendBufferBytes: 212_992,
      send: (bytes) => {
        const messages = decodeMessages(Buffer.from(bytes));
        datagrams.push(messages);
        const replies = messages.flatMap((message) =>
          answer(message).map((reply) => encodeAnswer(reply, message.sequence)),
        );
        if (replies.length > 0) setImmediate(() => socket.open && handlers.received(replies));
      },
      setWaiting: () => {},
      close: () => {
        socket.open = false;
      },
    });
  };
  return {
    open,
    datagrams,
    opened: () => state.opened,
    breakSocket: (errnoName) =>
      state.handlers?.failed({ code: 'busy', operation: 'recvmsg', message: errnoName, errnoName }),
  };
}

function encodeAnswer(
  { type, flags = 0, sequence, payload = Buffer.alloc(0) }: FakeAnswer,
  asked: number,
): Buffer {
  const header = Buffer.alloc(16);
  header.writeUInt32LE(16 + payload.length, 0);
  header.writeUInt16LE(type, 4);
  header.writeUInt16LE(flags, 6);
  header.writeUInt32LE(sequence ?? asked, 8);
  return Buffer.concat([header, payload]);
}

/** The payload of NLMSG_ERROR: an errno (0 acknowledges) and the header of the message it is about. */
export function errorPayload(errno: number): Uint8Array {
  const payload = Buffer.alloc(20);
  payload.writeInt32LE(-errno, 0);
  return payload;
}
