import type { Family } from '@signalbox/core';
import { CONNTRACK_STATES } from '../objects/match.ts';
import type {
  ExtensionMatch,
  HeaderMatch,
  IpvsMatch,
  Match,
  PortRange,
  PortsMatch,
  RecentMatch,
} from '../objects/match.ts';
import { quote } from './quote.ts';

/** The positions of header matches in a rule's text. Extensions follow in the order given. */
const HEADER_ORDER: Readonly<Record<HeaderMatch['kind'], number>> = {
  source: 0,
  destination: 1,
  'in-interface': 2,
  'out-interface': 3,
  protocol: 4,
};

/** Whether the match is an option of iptables itself (`-s`, `-d`, `-i`, `-o`, `-p`), not of an extension (`-m`). */
export function isHeader(match: Match): match is HeaderMatch {
  return match.kind in HEADER_ORDER;
}

export function headerRank(match: HeaderMatch): number {
  return HEADER_ORDER[match.kind];
}

const not = (match: { readonly invert?: true }): string => (match.invert === true ? '! ' : '');

export const hexMark = (value: number): string => `0x${(value >>> 0).toString(16)}`;

export function encodeHeader(match: HeaderMatch): string {
  switch (match.kind) {
    case 'source':
      return everywhere(match) ? '' : `${not(match)}-s ${match.cidr}`;
    case 'destination':
      return everywhere(match) ? '' : `${not(match)}-d ${match.cidr}`;
    case 'in-interface':
      return `${not(match)}-i ${match.name}`;
    case 'out-interface':
      return `${not(match)}-o ${match.name}`;
    case 'protocol':
      return `${not(match)}-p ${match.protocol}`;
  }
}

/** `-s 0.0.0.0/0` matches every packet and is not listed. */
function everywhere(match: { readonly cidr: string; readonly invert?: true }): boolean {
  return match.cidr.endsWith('/0') && match.invert !== true;
}

export function encodeExtension(match: ExtensionMatch, family: Family): string {
  switch (match.kind) {
    case 'ports':
      return portsText(match);
    case 'mark':
      return `-m mark ${not(match)}--mark ${markText(match.value, match.mask)}`;
    case 'address-type':
      return `-m addrtype ${not(match)}--${match.side === 'source' ? 'src' : 'dst'}-type ${match.type}`;
    case 'conntrack-state':
      return `-m conntrack ${not(match)}--ctstate ${inKernelOrder(match.states)}`;
    case 'probability':
      return `-m statistic --mode random --probability ${(match.numerator / 2 ** 31).toFixed(11)}`;
    case 'recent':
      return recentText(match, family);
    case 'comment':
      return `-m comment --comment ${quote(match.text)}`;
    case 'bridge-port':
      return `-m physdev ${not(match)}--physdev-${match.flag}`;
    case 'ip-set':
      return `-m set ${not(match)}--match-set ${match.name} ${match.directions.join(',')}`;
    case 'ipvs':
      return ipvsText(match);
    case 'accounting':
      return `-m nfacct --nfacct-name ${match.name}`;
  }
}

function markText(value: number, mask: number): string {
  return mask >>> 0 === 0xffffffff ? hexMark(value) : `${hexMark(value)}/${hexMark(mask)}`;
}

/** `-m tcp` alone matches the same packets as `-p tcp`, yet costs the nft variant a call for each packet and change. */
function portsText({ protocol, source, destination }: PortsMatch): string {
  if (source === null && destination === null) return '';
  return `-m ${protocol}${portOption('sport', source)}${portOption('dport', destination)}`;
}

function portOption(option: string, range: PortRange | null): string {
  if (range === null) return '';
  return range.first === range.last
    ? ` --${option} ${range.first}`
    : ` --${option} ${range.first}:${range.last}`;
}

function inKernelOrder(states: readonly string[]): string {
  return CONNTRACK_STATES.filter((state) => states.includes(state)).join(',');
}

const HOST_MASK: Readonly<Record<Family, string>> = {
  IPv4: '255.255.255.255',
  IPv6: 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
};

function recentText(match: RecentMatch, family: Family): string {
  const seconds = match.seconds === undefined ? '' : ` --seconds ${match.seconds}`;
  const reap = match.reap === true ? ' --reap' : '';
  return `-m recent --${match.operation}${seconds}${reap} --name ${match.name} --mask ${HOST_MASK[family]} --rsource`;
}

function ipvsText(match: IpvsMatch): string {
  return `-m ipvs --vproto ${match.vproto} --vaddr ${match.vaddr} --vport ${match.vport}`;
}
