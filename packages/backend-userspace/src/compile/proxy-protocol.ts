/**
 * The header of the PROXY protocol (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt), which precedes the bytes of a client on the
 * connection to an endpoint and names the client. Pure.
 */
import { parseAddress, type ProxyProtocol } from '@signalbox/core';
import type { Peer } from '../objects/connection-record.ts';

/** Both addresses are of one family. */
export function proxyHeader(version: ProxyProtocol, client: Peer, frontend: Peer): Buffer {
  return version === 'v1' ? textHeader(client, frontend) : binaryHeader(client, frontend);
}

/** Section 2.1: one line of at most 107 bytes. */
function textHeader(client: Peer, frontend: Peer): Buffer {
  const family = client.address.includes(':') ? 'TCP6' : 'TCP4';
  const addresses = `${client.address} ${frontend.address}`;
  return Buffer.from(`PROXY ${family} ${addresses} ${client.port} ${frontend.port}\r\n`, 'latin1');
}

/** Section 2.2. */
const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
/** Version 2, command PROXY. */
const VERSION_COMMAND = 0x21;
/** Address family in the upper half, STREAM in the lower one. */
const TCP4 = 0x11;
const TCP6 = 0x21;

function binaryHeader(client: Peer, frontend: Peer): Buffer {
  const isIPv6 = client.address.includes(':');
  const size = isIPv6 ? 16 : 4;
  const addresses = Buffer.concat([addressBytes(client.address, size), addressBytes(frontend.address, size)]);
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(client.port, 0);
  ports.writeUInt16BE(frontend.port, 2);
  const length = addresses.length + ports.length;
  const head = Buffer.from([VERSION_COMMAND, isIPv6 ? TCP6 : TCP4, length >> 8, length & 0xff]);
  return Buffer.concat([SIGNATURE, head, addresses, ports]);
}

function addressBytes(address: string, size: number): Buffer {
  const value = parseAddress(address)?.value ?? 0n;
  return Buffer.from(value.toString(16).padStart(size * 2, '0'), 'hex');
}
