/** Kernel settings that IPVS needs to serve Kubernetes (IPVS2). */
import { STRICT_ARP, type Sysctl } from '@signalbox/backend-kit';

/** The facts that the values depend on. */
export interface SysctlOptions {
  /** `uname -r`: `6.1.0-18-amd64`. */
  readonly kernelRelease: string;
  /** Answer ARP only for addresses of the interface asked: not for service addresses. */
  readonly strictARP: boolean;
}

/** The settings and values, in the order in which they are written. `conn_reuse_mode` is set on Linux 4.1 to 5.8 only. */
export function requiredSysctls({ kernelRelease, strictARP }: SysctlOptions): readonly Sysctl[] {
  return [
    { name: 'net/ipv4/vs/conntrack', value: '1' },
    ...(delaysReusedPorts(kernelRelease) ? [{ name: 'net/ipv4/vs/conn_reuse_mode', value: '0' }] : []),
    { name: 'net/ipv4/vs/expire_nodest_conn', value: '1' },
    { name: 'net/ipv4/vs/expire_quiescent_template', value: '1' },
    { name: 'net/ipv4/ip_forward', value: '1' },
    ...(strictARP ? STRICT_ARP : []),
  ];
}

/**
 * Linux 4.1 up to 5.8 makes a client that reuses a port wait a second. Before there is no such setting;
 * from 5.9 on the default is right.
 */
export function delaysReusedPorts(kernelRelease: string): boolean {
  const match = /^(\d+)\.(\d+)/.exec(kernelRelease);
  if (match === null) return false;
  const version = Number(match[1]) * 1000 + Number(match[2]);
  return version >= 4001 && version < 5009;
}
