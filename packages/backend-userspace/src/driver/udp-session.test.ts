import { EventEmitter } from 'node:events';
import type { Socket } from 'node:dgram';
import { createManualClock } from '@signalbox/core/testing';
import { expect, it } from 'vitest';
import { openUdpSession } from './udp-session.ts';

/** A socket whose `connect` ends when the test requires it. */
function waitingSocket() {
  const sent: string[] = [];
  const connecting = { done: (): void => undefined };
  const socket = Object.assign(new EventEmitter(), {
    connect: (_port: number, _address: string, done: () => void) => void (connecting.done = done),
    send: (data: Buffer) => void sent.push(data.toString()),
    close: () => undefined,
  });
  return { socket: socket as unknown as Socket, sent, connecting };
}

function start() {
  const { socket, sent, connecting } = waitingSocket();
  const clock = createManualClock();
  const closed: unknown[] = [];
  const session = openUdpSession({
    socket,
    endpoint: { address: '10.244.0.1', port: 53, isLocal: false },
    clock,
    observer: null,
    timeout: 30_000,
    onReply: () => undefined,
    onFailure: () => undefined,
    onClose: () => void closed.push(clock.now()),
  });
  return { socket, sent, connecting, clock, closed, session };
}

it('keeps the first 64 datagrams that arrive before the socket is connected, and no more', () => {
  const { sent, connecting, session } = start();
  for (let index = 0; index < 100; index++) session.send(Buffer.from(String(index)));
  expect(sent).toEqual([]);
  connecting.done();
  session.send(Buffer.from('later'));
  expect(sent).toEqual([...Array.from({ length: 64 }, (_, index) => String(index)), 'later']);
  session.close('closed');
});

it.each(['datagrams of the client', 'replies of the endpoint'])(
  'stays open as long as there are %s',
  (what) => {
    const { socket, connecting, clock, closed, session } = start();
    connecting.done();
    for (let second = 0; second < 120; second += 20) {
      clock.advance(20_000);
      if (what.startsWith('datagrams')) session.send(Buffer.from('?'));
      else socket.emit('message', Buffer.from('!'));
    }
    expect(closed).toEqual([]);
    clock.advance(30_000);
    expect(closed).toEqual([clock.now()]);
  },
);
