import { CONNTRACK_STATES } from '../objects/match.ts';
import type { ConntrackState, ExtensionMatch, IpvsMatch, PortRange, RecentMatch } from '../objects/match.ts';
import type { Words } from './words.ts';

/** Reads the options after `-m NAME`. `null`: an option has no type here. */
type MatchParser = (words: Words) => ExtensionMatch | null;

/** By the extension's name. A parser reads exactly the options of its extension and stops at the next extension. */
export const MATCH_PARSERS: Readonly<Record<string, MatchParser>> = {
  tcp: (words) => ports(words, 'tcp'),
  udp: (words) => ports(words, 'udp'),
  sctp: (words) => ports(words, 'sctp'),
  mark: (words) => {
    const invert = words.inverted();
    const mark = words.option('--mark', '--mark');
    const [value, mask] = parseMark(mark ?? '');
    return mark === null ? null : { kind: 'mark', value, mask, ...invert };
  },
  addrtype: addressType,
  conntrack: conntrackState,
  state: conntrackState,
  statistic: (words) => {
    if (words.option('--mode') !== 'random' || words.peek() === '!') return null;
    const probability = words.option('--probability');
    if (probability === null) return null;
    return { kind: 'probability', numerator: Math.round(Number(probability) * 2 ** 31) };
  },
  recent,
  comment: (words) => {
    const text = words.option('--comment');
    return text === null ? null : { kind: 'comment', text };
  },
  physdev: (words) => {
    const invert = words.inverted();
    const flag = /^--physdev-(is-in|is-out|is-bridged)$/.exec(words.peek() ?? '')?.[1];
    if (flag === undefined) return null;
    words.next();
    return { kind: 'bridge-port', flag: flag as 'is-in', ...invert };
  },
  set: (words) => {
    const invert = words.inverted();
    const name = words.option('--match-set');
    const directions = words.next();
    if (name === null || directions === null || !/^(src|dst)(,(src|dst))*$/.test(directions)) return null;
    return { kind: 'ip-set', name, directions: directions.split(',') as 'src'[], ...invert };
  },
  ipvs,
  nfacct: (words) => {
    const name = words.option('--nfacct-name');
    return name === null ? null : { kind: 'accounting', name };
  },
};

export function parseMark(text: string): readonly [value: number, mask: number] {
  const [value, mask] = text.split('/');
  return [Number(value), mask === undefined ? 0xffffffff : Number(mask)];
}

function ports(words: Words, protocol: 'tcp' | 'udp' | 'sctp'): ExtensionMatch | null {
  const source = portRange(words.option('--sport', '--source-port'));
  const destination = portRange(words.option('--dport', '--destination-port'));
  if (source === 'bad' || destination === 'bad') return null;
  return { kind: 'ports', protocol, source, destination };
}

function portRange(text: string | null): PortRange | null | 'bad' {
  if (text === null) return null;
  const found = /^(\d+)(?::(\d+))?$/.exec(text);
  if (found === null) return 'bad';
  const first = Number(found[1]);
  return { first, last: found[2] === undefined ? first : Number(found[2]) };
}

function addressType(words: Words): ExtensionMatch | null {
  const invert = words.inverted();
  const option = words.next();
  const type = words.next();
  const side = option === '--src-type' ? 'source' : option === '--dst-type' ? 'destination' : null;
  if (side === null || type === null || !/^(LOCAL|UNICAST|BROADCAST|MULTICAST|ANYCAST)$/.test(type))
    return null;
  return { kind: 'address-type', side, type: type as 'LOCAL', ...invert };
}

function conntrackState(words: Words): ExtensionMatch | null {
  const invert = words.inverted();
  const found = words.option('--ctstate', '--state')?.split(',') ?? [];
  const states = CONNTRACK_STATES.filter((state) => found.includes(state));
  if (states.length === 0 || states.length !== found.length) return null;
  return { kind: 'conntrack-state', states: states satisfies ConntrackState[], ...invert };
}

const HOST_MASKS = ['255.255.255.255', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'];

const RECENT_OPERATIONS: ReadonlySet<string> = new Set(['--set', '--rcheck', '--update', '--remove']);

type RecentParts = { -readonly [K in keyof RecentMatch]?: RecentMatch[K] };

function recent(words: Words): RecentMatch | null {
  const found: RecentParts = {};
  for (let option = words.peek(); option?.startsWith('--') === true; option = words.peek()) {
    words.next();
    if (!takeRecentOption(found, option, words)) return null;
  }
  const { operation, name } = found;
  if (operation === undefined || name === undefined) return null;
  return { ...found, kind: 'recent', operation, name };
}

/** `false`: the option has no type here. */
function takeRecentOption(found: RecentParts, option: string, words: Words): boolean {
  if (RECENT_OPERATIONS.has(option)) found.operation = option.slice(2) as 'set';
  else if (option === '--reap') found.reap = true;
  else if (option === '--seconds') found.seconds = Number(words.next());
  else if (option === '--name') found.name = words.next() ?? '';
  else if (option === '--mask') return HOST_MASKS.includes(words.next() ?? '');
  else return option === '--rsource';
  return true;
}

function ipvs(words: Words): IpvsMatch | null {
  const vproto = protocolNumber(words.option('--vproto'));
  const vaddr = words.option('--vaddr');
  const vport = words.option('--vport');
  if (vproto === null || vaddr === null || vport === null) return null;
  return { kind: 'ipvs', vproto, vaddr, vport: Number(vport) };
}

function protocolNumber(text: string | null): number | null {
  if (text === null) return null;
  const names: Readonly<Record<string, number>> = { tcp: 6, udp: 17, sctp: 132 };
  const number = names[text] ?? Number(text);
  return Number.isInteger(number) ? number : null;
}
