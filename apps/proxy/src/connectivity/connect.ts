/** Connections to a frontend, and how each of them ended. Also runs in the child process of a temporary pod. */
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { systemClock } from '@signalbox/core/system-clock';

export interface ConnectRequest {
  readonly protocol: 'TCP' | 'UDP';
  readonly address: string;
  readonly port: number;
  /** At once, each from a source port of its own. */
  readonly tries: number;
  /** Milliseconds until an attempt counts as silent. */
  readonly timeout: number;
}

export interface Attempt {
  /** `rejected`: refused with an answer, ICMP or RST. `silent`: nothing came back in time. */
  readonly result: 'answered' | 'rejected' | 'silent';
  /** Where it came from; `null`: no packet was sent. Connection tracking finds the endpoint by this. */
  readonly local: { readonly address: string; readonly port: number } | null;
}

/** A DNS query for the name servers of the root: few programs answer a datagram that they do not understand. */
const DATAGRAM = Buffer.from([0x5b, 0x0c, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1]);

export function connectAll(request: ConnectRequest): Promise<readonly Attempt[]> {
  const once = request.protocol === 'TCP' ? tryTCP : tryUDP;
  return Promise.all(Array.from({ length: request.tries }, () => once(request)));
}

function tryTCP({ address, port, timeout }: ConnectRequest): Promise<Attempt> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const end = (result: Attempt['result']): void => {
      cancel();
      const { localAddress, localPort } = socket;
      const isKnown = localAddress !== undefined && localPort !== undefined;
      resolve({ result, local: isKnown ? { address: localAddress, port: localPort } : null });
      // By FIN: after RST, connection tracking forgets the connection in ten seconds.
      socket.destroy();
    };
    const cancel = systemClock.schedule(timeout, () => end('silent'));
    socket.once('connect', () => end('answered'));
    socket.on('error', (error) => end(isTimeout(error) ? 'silent' : 'rejected'));
  });
}

function tryUDP({ address, port, timeout }: ConnectRequest): Promise<Attempt> {
  return new Promise((resolve) => {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    const state: { local: Attempt['local']; isOver: boolean } = { local: null, isOver: false };
    const end = (result: Attempt['result']): void => {
      if (state.isOver) return;
      state.isOver = true;
      cancel();
      resolve({ result, local: state.local });
      socket.close();
    };
    const cancel = systemClock.schedule(timeout, () => end('silent'));
    socket.on('message', () => end('answered'));
    socket.on('error', () => end('rejected'));
    // Connected: the kernel then reports ICMP errors, and only this peer's answers arrive.
    socket.connect(port, address, () => {
      if (state.isOver) return;
      const { address: from, port: fromPort } = socket.address();
      state.local = { address: from, port: fromPort };
      socket.send(DATAGRAM);
    });
  });
}

function isTimeout(error: NodeJS.ErrnoException): boolean {
  return error.code === 'ETIMEDOUT';
}
