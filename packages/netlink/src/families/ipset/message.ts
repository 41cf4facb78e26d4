import { AF_INET, NLA_F_NET_BYTEORDER } from '../../codec/constants.ts';
import type { NetlinkRequest, RequestContext } from '../../codec/message.ts';
import { PayloadWriter } from '../../codec/writer.ts';
import { netfilterHeader, netfilterType } from '../nfnetlink.ts';
import { IPSET_ATTR, IPSET_CMD, IPSET_ERRORS, type IpsetCommand } from './constants.ts';

/** The start of every ipset message. ipset(8) sends AF_INET whatever the set's family is. */
export function ipsetPayload(protocol: number, setName?: string): PayloadWriter {
  const writer = new PayloadWriter().raw(netfilterHeader(AF_INET)).u8(IPSET_ATTR.PROTOCOL, protocol);
  return setName === undefined ? writer : writer.text(IPSET_ATTR.SETNAME, setName);
}

export interface IpsetMessage {
  readonly command: IpsetCommand;
  readonly writer: PayloadWriter;
  readonly flags?: number;
  readonly context?: RequestContext;
}

export function ipsetRequest({ command, writer, flags = 0, context = {} }: IpsetMessage): NetlinkRequest {
  return {
    operation: `IPSET_CMD_${command}`,
    type: netfilterType('ipset', IPSET_CMD[command]),
    flags,
    payload: writer.finish(),
    context: { errors: IPSET_ERRORS, ...context },
  };
}

/** ipset takes integers only if they are marked as being in network order. */
export function networkOrder(attribute: number): number {
  return attribute | NLA_F_NET_BYTEORDER;
}
