import { AF_UNSPEC } from '../../codec/constants.ts';
import type { NetlinkMessage, NetlinkRequest } from '../../codec/message.ts';
import { readAttributes, readU32BE } from '../../codec/reader.ts';
import { netfilterAttributes, netfilterHeader, netfilterType } from '../nfnetlink.ts';
import { NFT_MSG, NFTA_GEN } from './constants.ts';

/** The answer also has a process id and a name: those of the process that asks, not of the one that committed. */
export function encodeGetGeneration(): NetlinkRequest {
  return {
    operation: 'NFT_MSG_GETGEN',
    type: netfilterType('nftables', NFT_MSG.GETGEN),
    flags: 0,
    payload: netfilterHeader(AF_UNSPEC),
  };
}

export function decodeGeneration(message: NetlinkMessage): number | undefined {
  return readU32BE(readAttributes(netfilterAttributes(message)), NFTA_GEN.ID);
}
