import { AF_INET } from '../../codec/constants.ts';
import type { NetlinkMessage, NetlinkRequest } from '../../codec/message.ts';
import { readAttributes, readU8 } from '../../codec/reader.ts';
import { PayloadWriter } from '../../codec/writer.ts';
import { netfilterAttributes, netfilterHeader } from '../nfnetlink.ts';
import { IPSET_ATTR, IPSET_PROTOCOL_NEWEST, IPSET_PROTOCOL_OLDEST } from './constants.ts';
import { ipsetPayload, ipsetRequest } from './message.ts';

/** From the oldest to the newest that the kernel can do. */
export interface VersionRange {
  readonly oldest: number;
  readonly newest: number;
}

export function encodeGetProtocol(): NetlinkRequest {
  const writer = new PayloadWriter()
    .raw(netfilterHeader(AF_INET))
    .u8(IPSET_ATTR.PROTOCOL, IPSET_PROTOCOL_NEWEST);
  return ipsetRequest({ command: 'PROTOCOL', writer });
}

export function decodeProtocol(message: NetlinkMessage): VersionRange | undefined {
  const attributes = readAttributes(netfilterAttributes(message));
  const newest = readU8(attributes, IPSET_ATTR.PROTOCOL);
  if (newest === undefined) return undefined;
  return { oldest: readU8(attributes, IPSET_ATTR.PROTOCOL_MIN) ?? newest, newest };
}

/** The newest protocol that both sides speak. */
export function chooseProtocol(kernel: VersionRange): number | undefined {
  const chosen = Math.min(kernel.newest, IPSET_PROTOCOL_NEWEST);
  return chosen >= Math.max(kernel.oldest, IPSET_PROTOCOL_OLDEST) ? chosen : undefined;
}

export interface TypeQuestion {
  readonly protocol: number;
  readonly type: string;
  /** `AF_INET`, `AF_INET6`, or `AF_UNSPEC` for types without family. */
  readonly family: number;
}

export function encodeGetType({ protocol, type, family }: TypeQuestion): NetlinkRequest {
  const writer = ipsetPayload(protocol).text(IPSET_ATTR.TYPENAME, type).u8(IPSET_ATTR.FAMILY, family);
  return ipsetRequest({ command: 'TYPE', writer, context: { subject: type } });
}

/**
 * Revisions of a type. Each adds options and takes none away, so the kernel's newest is right for a set
 * that uses only the old ones.
 */
export function decodeType(message: NetlinkMessage): VersionRange | undefined {
  const attributes = readAttributes(netfilterAttributes(message));
  const newest = readU8(attributes, IPSET_ATTR.REVISION);
  if (newest === undefined) return undefined;
  return { oldest: readU8(attributes, IPSET_ATTR.REVISION_MIN) ?? newest, newest };
}
