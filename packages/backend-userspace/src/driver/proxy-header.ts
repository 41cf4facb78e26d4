/** The header of the PROXY protocol on the connection to an endpoint. */
import type { Socket } from 'node:net';
import { proxyHeader } from '../compile/proxy-protocol.ts';
import type { Listener } from '../objects/listener.ts';
import { sourceText } from './data-path.ts';

/** Of clients that wait for an endpoint: the address of a client is not known any more when it has closed. */
const headers = new WeakMap<Socket, Buffer>();

/** `frontend`: as the client connected; where a service address is mapped, the mapped one. */
export function prepareHeader(
  client: Socket,
  { servicePort: { proxyProtocol }, ...frontend }: Listener,
): void {
  const { remoteAddress, remotePort = 0 } = client;
  if (proxyProtocol === undefined || remoteAddress === undefined) return;
  const source = { address: sourceText(remoteAddress), port: remotePort };
  headers.set(client, proxyHeader(proxyProtocol, source, frontend));
}

/** Before the first byte of the client. */
export function writeHeader(client: Socket, upstream: Socket): void {
  const header = headers.get(client);
  if (header !== undefined) upstream.write(header);
}
