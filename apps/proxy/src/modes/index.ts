/** Every proxy mode. A new one is a package, a file in this folder, and its line in `MODES`. */
import { IPTABLES } from './iptables.ts';
import { IPVS } from './ipvs.ts';
import { KERNELSPACE } from './kernelspace.ts';
import { NFTABLES } from './nftables.ts';
import type { ProxyMode } from './proxy-mode.ts';
import { USERSPACE } from './userspace.ts';

/** In the order of help texts and of `--cleanup`; the first of a platform is its default. */
export const MODES: readonly ProxyMode[] = [IPTABLES, IPVS, NFTABLES, USERSPACE, KERNELSPACE];
