/** Virtual servers as `ipvsadm -Sn` prints them: what `ipvsadm -R` reads. */
import { formatAddressPort, type Protocol } from '@signalbox/core';
import type { RealServer } from '../objects/real-server.ts';
import type { HeldServer } from '../objects/kernel-state.ts';
import { IP_VS_SVC_F_PERSISTENT, IP_VS_SVC_F_SCHED2, type VirtualServer } from '../objects/virtual-server.ts';

const SERVICE_OPTIONS: Readonly<Record<Protocol, string>> = {
  TCP: '-t',
  UDP: '-u',
  SCTP: '--sctp-service',
};

/** Sorted by address, port and protocol as text, and so are the real servers: the kernel's own order has no meaning. */
export function formatServers(servers: Iterable<HeldServer>): string {
  return [...servers]
    .map(({ server, reals }) => ({ service: serviceText(server), server, reals }))
    .toSorted((one, other) => (one.service < other.service ? -1 : 1))
    .map(({ server, reals }) => {
      const lines = [...reals.values()].map((real) => `${realServerLine(server, real)}\n`);
      return `${virtualServerLine(server)}\n${lines.sort().join('')}`;
    })
    .join('');
}

export function virtualServerLine(server: VirtualServer): string {
  return `-A ${serviceText(server)}${settingsText(server)}`;
}

export function realServerLine(server: VirtualServer, { address, port, weight }: RealServer): string {
  return `-a ${serviceText(server)} -r ${formatAddressPort(address, port)} -m -w ${weight}`;
}

function serviceText({ protocol, address, port }: VirtualServer): string {
  return `${SERVICE_OPTIONS[protocol]} ${formatAddressPort(address, port)}`;
}

function settingsText({ scheduler, flags, timeoutSeconds }: VirtualServer): string {
  const persistent = (flags & IP_VS_SVC_F_PERSISTENT) === 0 ? '' : ` -p ${timeoutSeconds}`;
  return ` -s ${scheduler}${persistent}${flagText(scheduler, flags)}`;
}

/** The schedulers' flags have names for two schedulers only. */
function flagText(scheduler: string, flags: number): string {
  if ((flags & IP_VS_SVC_F_SCHED2) === 0) return '';
  return scheduler === 'mh' || scheduler === 'sh' ? ` -b ${scheduler}-port` : ' -b flag-2';
}
