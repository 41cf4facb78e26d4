import { AF_UNSPEC, NLM_F_CREATE, NLM_F_EXCL } from '../../codec/constants.ts';
import type { NetlinkMessage, NetlinkRequest } from '../../codec/message.ts';
import { readAttributes, readText, readU32 } from '../../codec/reader.ts';
import { PayloadWriter } from '../../codec/writer.ts';
import { IFLA, IFLA_INFO, LINK_FLAG, RTM, VETH_INFO_PEER } from './constants.ts';

const IFINFOMSG_BYTES = 16;

/** A network interface: fields of `struct ifinfomsg` and `IFLA_*` attributes. */
export interface Link {
  readonly index: number;
  readonly name: string;
  /** `IFF_*` bits. */
  readonly flags: number;
  /** In bytes. */
  readonly mtu: number;
  /** `dummy`, `veth`, `bridge`; absent for loopback and hardware. */
  readonly kind?: string;
  /** Index of the bridge or bond it belongs to. */
  readonly master?: number;
  /** `9e:6b:6f:66:ac:b6`. */
  readonly hardwareAddress?: string;
}

/** A network interface to create. */
export interface NewLink {
  readonly name: string;
  readonly kind: 'dummy' | 'bridge' | 'ifb' | 'veth';
  /** In bytes; absent: the default of the kind. */
  readonly mtu?: number;
  /** Absent: down. */
  readonly state?: 'up' | 'down';
  /** The other end; veth only. */
  readonly peer?: string;
}

/** A link by its number or its name. */
export type LinkSelector = { readonly index: number } | { readonly name: string };

interface LinkHeader {
  readonly index?: number;
  readonly flags?: number;
  /** Which of the flag bits count. */
  readonly change?: number;
}

/** `struct ifinfomsg`. */
function linkHeader({ index = 0, flags = 0, change = 0 }: LinkHeader = {}): Buffer {
  const bytes = Buffer.alloc(IFINFOMSG_BYTES);
  bytes[0] = AF_UNSPEC;
  bytes.writeInt32LE(index, 4);
  bytes.writeUInt32LE(flags, 8);
  bytes.writeUInt32LE(change, 12);
  return bytes;
}

export function encodeNewLink(link: NewLink): NetlinkRequest {
  const header = link.state === undefined ? {} : stateHeader(link.state);
  const writer = new PayloadWriter().raw(linkHeader(header)).text(IFLA.IFNAME, link.name);
  if (link.mtu !== undefined) writer.u32(IFLA.MTU, link.mtu);
  writer.nested(IFLA.LINKINFO, () => {
    writer.bytes(IFLA_INFO.KIND, Buffer.from(link.kind));
    if (link.peer !== undefined) writePeer(writer, link.peer);
  });
  const flags = NLM_F_CREATE | NLM_F_EXCL;
  const context = { subject: link.name };
  return { operation: 'RTM_NEWLINK', type: RTM.NEWLINK, flags, payload: writer.finish(), context };
}

function writePeer(writer: PayloadWriter, name: string): void {
  writer.nested(IFLA_INFO.DATA, () => {
    writer.nested(VETH_INFO_PEER, () => writer.raw(linkHeader()).text(IFLA.IFNAME, name));
  });
}

function stateHeader(state: 'up' | 'down'): LinkHeader {
  return { flags: state === 'up' ? LINK_FLAG.up : 0, change: LINK_FLAG.up };
}

export function encodeSetLinkState(link: LinkSelector, state: 'up' | 'down'): NetlinkRequest {
  const payload = selectorPayload(link, stateHeader(state)).finish();
  return { operation: 'RTM_NEWLINK', type: RTM.NEWLINK, flags: 0, payload, context: about(link) };
}

export function encodeDeleteLink(link: LinkSelector): NetlinkRequest {
  const payload = selectorPayload(link).finish();
  return { operation: 'RTM_DELLINK', type: RTM.DELLINK, flags: 0, payload, context: about(link) };
}

export function encodeGetLink(link: LinkSelector): NetlinkRequest {
  const payload = selectorPayload(link).finish();
  return { operation: 'RTM_GETLINK', type: RTM.GETLINK, flags: 0, payload, context: about(link) };
}

function about(link: LinkSelector): { readonly subject: string } {
  return { subject: 'name' in link ? link.name : `link ${link.index}` };
}

function selectorPayload(link: LinkSelector, header: LinkHeader = {}): PayloadWriter {
  if ('index' in link) return new PayloadWriter().raw(linkHeader({ ...header, index: link.index }));
  return new PayloadWriter().raw(linkHeader(header)).text(IFLA.IFNAME, link.name);
}

/** To be dumped. */
export function encodeListLinks(): NetlinkRequest {
  const payload = new PayloadWriter().raw(linkHeader()).finish();
  return { operation: 'RTM_GETLINK', type: RTM.GETLINK, flags: 0, payload };
}

/** A link from RTM_NEWLINK or RTM_DELLINK, as an answer or as a notification. */
export function decodeLink(message: NetlinkMessage): Link | undefined {
  if (message.type !== RTM.NEWLINK && message.type !== RTM.DELLINK) return undefined;
  if (message.payload.length < IFINFOMSG_BYTES) return undefined;
  const attributes = readAttributes(message.payload.subarray(IFINFOMSG_BYTES));
  const name = readText(attributes, IFLA.IFNAME);
  if (name === undefined) return undefined;
  const kind = readText(readAttributes(attributes.get(IFLA.LINKINFO)), IFLA_INFO.KIND);
  const master = readU32(attributes, IFLA.MASTER);
  const hardware = attributes.get(IFLA.ADDRESS);
  return {
    index: message.payload.readInt32LE(4),
    name,
    flags: message.payload.readUInt32LE(8),
    mtu: readU32(attributes, IFLA.MTU) ?? 0,
    ...(kind === undefined ? {} : { kind }),
    ...(master === undefined ? {} : { master }),
    ...(hardware === undefined
      ? {}
      : { hardwareAddress: hardware.toString('hex').replace(/..(?=.)/g, '$&:') }),
  };
}
