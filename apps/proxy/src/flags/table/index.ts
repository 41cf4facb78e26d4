import type { Flag } from '../flag.ts';
import { API, GENERAL, NODE } from './general.ts';
import { CONNTRACK, DETECTION, IPTABLES, IPVS, KERNELSPACE, MODE } from './modes.ts';
import { HEALTH, LOGGING } from './observability.ts';

/** Every flag, in the order of `--help`. */
export const FLAGS: readonly Flag[] = [
  ...GENERAL,
  ...API,
  ...NODE,
  ...MODE,
  ...IPTABLES,
  ...IPVS,
  ...KERNELSPACE,
  ...DETECTION,
  ...CONNTRACK,
  ...HEALTH,
  ...LOGGING,
];

const BY_NAME: ReadonlyMap<string, Flag> = new Map(FLAGS.map((flag) => [flag.name, flag]));

export function flagNamed(name: string): Flag | undefined {
  return BY_NAME.get(name);
}
