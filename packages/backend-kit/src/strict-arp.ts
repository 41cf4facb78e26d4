/** A kernel setting that a mode requires. */
export interface Sysctl {
  /** With slashes, below /proc/sys. */
  readonly name: string;
  readonly value: string;
  /** Other values that satisfy the mode: they are not changed. */
  readonly stricter?: readonly string[];
}

/** The node answers ARP only for addresses of the interface asked: not for service addresses, which are on a device of their own. */
export const STRICT_ARP: readonly Sysctl[] = [
  // 2 answers fewer requests than 1, and 8 none. (3 would answer for service addresses with scope global.)
  { name: 'net/ipv4/conf/all/arp_ignore', value: '1', stricter: ['2', '8'] },
  { name: 'net/ipv4/conf/all/arp_announce', value: '2' },
];
