import type { Family, Protocol } from '@signalbox/core';
import { type Match, singlePort } from '@signalbox/iptables';
import type { CompileContext } from './context.ts';

const PROTOCOL_NAME = { TCP: 'tcp', UDP: 'udp', SCTP: 'sctp' } as const;

export type TransportName = (typeof PROTOCOL_NAME)[Protocol];

export function protocolName(protocol: Protocol): TransportName {
  return PROTOCOL_NAME[protocol];
}

export function hostCidr(address: string): string {
  return address.includes(':') ? `${address}/128` : `${address}/32`;
}

export const LOOPBACK: Readonly<Record<Family, string>> = { IPv4: '127.0.0.0/8', IPv6: '::1/128' };

/** One of the node's addresses. */
export const TO_NODE: Match = { kind: 'address-type', side: 'destination', type: 'LOCAL' };
export const FROM_NODE: Match = { kind: 'address-type', side: 'source', type: 'LOCAL' };

/** The kernel's limit, without the final zero. Only names that the API server would refuse are longer. */
const COMMENT_LIMIT = 255;

export function comment(text: string): Match {
  return {
    kind: 'comment',
    text: text.length <= COMMENT_LIMIT ? text : `${text.slice(0, COMMENT_LIMIT - 3)}...`,
  };
}

/** A comment on a rule of a single endpoint: none in large clusters. */
export function endpointComment(text: string, { endpointComments }: CompileContext): readonly Match[] {
  return endpointComments === 'kept' ? [comment(text)] : [];
}

/** `-d address -p protocol -m comment … --dport port`. */
export function toFrontend(address: string, protocol: Protocol, port: number, words: string): Match[] {
  return [{ kind: 'destination', cidr: hostCidr(address) }, ...toPort(protocol, port, words)];
}

export function toPort(protocol: Protocol, port: number, words: string): Match[] {
  const name = protocolName(protocol);
  return [
    { kind: 'protocol', protocol: name },
    comment(words),
    { kind: 'ports', protocol: name, source: null, destination: singlePort(port) },
  ];
}
