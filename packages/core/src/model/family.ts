/** An IP family, spelt as kube-proxy's metric labels spell it (alerting rules key on these words). */
export type Family = 'IPv4' | 'IPv6';

/** Both IP families, IPv4 first. */
export const FAMILIES: readonly Family[] = ['IPv4', 'IPv6'];

/** Transport protocols of a service port, spelt as the Kubernetes API spells them. */
export type Protocol = 'TCP' | 'UDP' | 'SCTP';

/** Every value of `Protocol`. */
export const PROTOCOLS: readonly Protocol[] = ['TCP', 'UDP', 'SCTP'];

/** IANA protocol numbers, as IPVS, ipset, nftables and HNS require them. */
export const PROTOCOL_NUMBER: Readonly<Record<Protocol, number>> = { TCP: 6, UDP: 17, SCTP: 132 };

/** IPv6 for IPv4, and IPv4 for IPv6. */
export function otherFamily(family: Family): Family {
  return family === 'IPv4' ? 'IPv6' : 'IPv4';
}
