import type { NetlinkMessage, NetlinkRequest } from '../codec/message.ts';
import { readAttributes, readText, readU16, readU32 } from '../codec/reader.ts';
import { PayloadWriter } from '../codec/writer.ts';

/** Generic netlink (`linux/genetlink.h`): families with a name whose number is handed out at run time. */

const GENL_ID_CTRL = 16;
const CTRL_CMD_GETFAMILY = 3;
const CTRL_ATTR_FAMILY_ID = 1;
const CTRL_ATTR_FAMILY_NAME = 2;
const CTRL_ATTR_VERSION = 3;

export const GENL_HEADER_BYTES = 4;

export interface GenericFamily {
  /** `nlmsg_type` of its messages, until the module is unloaded. */
  readonly id: number;
  readonly name: string;
  readonly version: number;
}

/** `struct genlmsghdr`: command, version, two reserved bytes. */
export function genericHeader(command: number, version: number): Uint8Array {
  return Uint8Array.of(command, version, 0, 0);
}

export function encodeGetFamily(name: string): NetlinkRequest {
  const payload = new PayloadWriter()
    .raw(genericHeader(CTRL_CMD_GETFAMILY, 1))
    .text(CTRL_ATTR_FAMILY_NAME, name);
  return { operation: 'CTRL_CMD_GETFAMILY', type: GENL_ID_CTRL, flags: 0, payload: payload.finish() };
}

export function decodeFamily(message: NetlinkMessage): GenericFamily | undefined {
  const attributes = readAttributes(message.payload.subarray(GENL_HEADER_BYTES));
  const id = readU16(attributes, CTRL_ATTR_FAMILY_ID);
  const name = readText(attributes, CTRL_ATTR_FAMILY_NAME);
  if (id === undefined || name === undefined) return undefined;
  return { id, name, version: readU32(attributes, CTRL_ATTR_VERSION) ?? 0 };
}
