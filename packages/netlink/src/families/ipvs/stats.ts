import { readAttributes, readU32, readU64 } from '../../codec/reader.ts';
import { IPVS_STATS_ATTR } from './constants.ts';

export interface IpvsStats {
  readonly connections: number;
  readonly inPackets: number;
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
