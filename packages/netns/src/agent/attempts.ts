/** The client part of an agent: connects, and distinguishes an answer, a rejection and no answer. */
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import type { Attempt, ConnectRequest, Echo } from './protocol.ts';

/** ICMP "host unreachable" and "no route" arrive as these: an answer, so a refusal. */
const refusals: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EACCES',
  'ECONNRESET',
]);

const silent: Attempt = { kind: 'silent' };

function answered(text: string): Attempt {
  return { kind: 'answered', ...(JSON.parse(text) as Echo) };
}

function failed(error: NodeJS.ErrnoException): Attempt {
  const code = error.code ?? 'unknown';
  if (refusals.has(code)) return { kind: 'rejected', code };
  if (code === 'ETIMEDOUT') return silent;
  throw new Error(`connect: ${error.message}`, { cause: error });
}

type Settle = (make: () => Attempt) => void;

/** Settles once, and ignores later events; what `make` throws (a broken set-up, not an outcome) rejects. */
function attempt(timeout: number, start: (settle: Settle) => () => void): Promise<Attempt> {
  return new Promise((resolve, reject) => {
    const state = { over: false, stop: (): void => undefined };
    const settle: Settle = (make) => {
      if (state.over) return;
      state.over = true;
      clearTimeout(timer);
      state.stop();
      try {
        resolve(make());
      } catch (error) {
        reject(error);
      }
    };
    const timer = setTimeout(() => settle(() => silent), timeout);
    try {
      state.stop = start(settle);
    } catch (error) {
      // An invalid port, for example: creating the socket throws, and there is none to close.
      settle(() => {
        throw error;
      });
    }
  });
}

function tryTCP({ from, fromPort, to, timeout, ending }: ConnectRequest): Promise<Attempt> {
  return attempt(timeout, (settle) => {
    const socket = connect({
      host: to.address,
      port: to.port,
      localAddress: from,
      ...(fromPort === undefined ? {} : { localPort: fromPort }),
    });
    const heard: Buffer[] = [];
    socket.on('data', (chunk) => heard.push(chunk));
    socket.on('end', () => settle(() => answered(Buffer.concat(heard).toString())));
    socket.on('error', (error) => settle(() => failed(error)));
    // A socket that is still connecting would be reset only once connected, and retry until then.
    return () => (ending === 'reset' && !socket.connecting ? socket.resetAndDestroy() : socket.destroy());
  });
}

function tryUDP({ from, to, timeout }: ConnectRequest): Promise<Attempt> {
  return attempt(timeout, (settle) => {
    const socket = createSocket(to.address.includes(':') ? 'udp6' : 'udp4');
    socket.on('message', (message) => settle(() => answered(message.toString())));
    socket.on('error', (error) => settle(() => failed(error)));
    // A late call on a closed socket throws; the promise is settled already.
    const step = (act: () => void) => (): void => {
      try {
        act();
      } catch (error) {
        settle(() => failed(error as NodeJS.ErrnoException));
      }
    };
    // Connected: the kernel then reports ICMP errors, and only this peer's answers arrive.
    socket.on(
      'connect',
      step(() => socket.send('hello')),
    );
    socket.bind(
      0,
      from,
      step(() => socket.connect(to.port, to.address)),
    );
    return () => socket.close();
  });
}

export function attemptAll(request: ConnectRequest): Promise<readonly Attempt[]> {
  if (request.protocol === 'SCTP') return Promise.reject(new Error('Node has no SCTP sockets'));
  const { protocol, tries, fromPort } = request;
  const once = protocol === 'TCP' ? tryTCP : tryUDP;
  const numbered = (index: number): ConnectRequest =>
    fromPort === undefined ? request : { ...request, fromPort: fromPort + index };
  return Promise.all(Array.from({ length: tries }, (_, index) => once(numbered(index))));
}
