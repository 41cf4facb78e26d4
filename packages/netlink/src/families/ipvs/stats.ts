import { readAttributes, readU32, readU64 } from '../../codec/reader.ts';
import { IPVS_STATS_ATTR } from './constants.ts';

/** Totals of a virtual or real server. Connections and packets are 32 bits wide and wrap; bytes are 64 bits wide. */
export interface IpvsStats {
  readonly connections: number;
  /** From clients. */
  readonly inPackets: number;
  /** To clients; 0 where answers do not pass this node. */
  readonly outPackets: number;
  readonly inBytes: number;
  readonly outBytes: number;
}

/** `IPVS_STATS_ATTR_*`: counters since the service or destination was made; absent ones are 0. */
export function decodeIpvsStats(data: Buffer | undefined): IpvsStats {
  const attributes = readAttributes(data);
  return {
    connections: readU32(attributes, IPVS_STATS_ATTR.CONNS) ?? 0,
    inPackets: readU32(attributes, IPVS_STATS_ATTR.INPKTS) ?? 0,
    outPackets: readU32(attributes, IPVS_STATS_ATTR.OUTPKTS) ?? 0,
    inBytes: readU64(attributes, IPVS_STATS_ATTR.INBYTES) ?? 0,
    outBytes: readU64(attributes, IPVS_STATS_ATTR.OUTBYTES) ?? 0,
  };
}
