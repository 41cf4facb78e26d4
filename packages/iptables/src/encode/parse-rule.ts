import { formatAddress, parseAddress } from '@signalbox/core';
import type { HeaderMatch, Match } from '../objects/match.ts';
import type { Rule } from '../objects/rule.ts';
import { rule } from '../objects/rule.ts';
import type { Target } from '../objects/target.ts';
import { ACCEPT, DROP, goTo, jump, NO_TARGET, REJECT, RETURN } from '../objects/target.ts';
import { MATCH_PARSERS, parseMark } from './parse-match.ts';
import { splitArguments } from './quote.ts';
import { createWords, type Words } from './words.ts';

/**
 * Parses text (everything after `-A CHAIN `) into a rule. Text with any part that has no type here
 * becomes an opaque rule as a whole.
 */
export function parseRule(text: string): Rule {
  const split = splitArguments(text);
  const parsed = split === null ? null : parseWords(createWords(split));
  return parsed ?? { kind: 'opaque', text };
}

function parseWords(words: Words): Rule | null {
  const matches: Match[] = [];
  for (let word = words.peek(); word !== null; word = words.peek()) {
    if (word === '-j' || word === '-g') {
      const target = parseTarget(words);
      return target === null || words.peek() !== null ? null : rule(matches, target);
    }
    const match = word === '-m' ? parseExtension(words) : parseHeader(words);
    if (match === null) return null;
    matches.push(match);
  }
  return rule(matches, NO_TARGET);
}

function parseExtension(words: Words): Match | null {
  words.next();
  return MATCH_PARSERS[words.next() ?? '']?.(words) ?? null;
}

function parseHeader(words: Words): HeaderMatch | null {
  const invert = words.inverted();
  const option = words.next();
  const value = words.next();
  if (option === null || value === null) return null;
  switch (option) {
    case '-s':
      return { kind: 'source', cidr: withLength(value), ...invert };
    case '-d':
      return { kind: 'destination', cidr: withLength(value), ...invert };
    case '-i':
      return { kind: 'in-interface', name: value, ...invert };
    case '-o':
      return { kind: 'out-interface', name: value, ...invert };
    case '-p':
      return { kind: 'protocol', protocol: value, ...invert };
    default:
      return null;
  }
}

function withLength(text: string): string {
  const [address = '', length] = text.split('/');
  return `${canonical(address)}/${length ?? (address.includes(':') ? '128' : '32')}`;
}

/** The C library prints some IPv6 addresses with a dotted tail (`::1.2.3.4`). */
function canonical(address: string): string {
  if (!address.includes(':') || !address.includes('.')) return address;
  const parsed = parseAddress(address);
  return parsed === null ? address : formatAddress(parsed);
}

const PLAIN_TARGETS: Readonly<Record<string, Target>> = { ACCEPT, DROP, RETURN };

function parseTarget(words: Words): Target | null {
  const how = words.next();
  const name = words.next();
  if (name === null) return null;
  if (how === '-g') return goTo(name);
  if (name === 'REJECT') return parseReject(words);
  if (name === 'DNAT') return parseDnat(words.option('--to-destination'));
  if (name === 'MASQUERADE') return parseMasquerade(words);
  if (name === 'MARK') return parseMarkTarget(words);
  const plain = PLAIN_TARGETS[name];
  if (plain !== undefined) return plain;
  // Options after a chain's name mean that it is an extension, not a chain.
  return words.peek() === null && !KNOWN_EXTENSIONS.has(name) ? jump(name) : null;
}

/** Targets that may occur without options and must not be parsed as chains. */
const KNOWN_EXTENSIONS: ReadonlySet<string> = new Set([
  'LOG',
  'NOTRACK',
  'QUEUE',
  'NFQUEUE',
  'REDIRECT',
  'SNAT',
  'TRACE',
  'NFLOG',
  'CHECKSUM',
]);

function parseReject(words: Words): Target | null {
  const answer = words.option('--reject-with');
  return answer === null || /^icmp6?-port-unreach(able)?$/.test(answer) ? REJECT : null;
}

function parseDnat(destination: string | null): Target | null {
  const found = /^(?:\[([0-9a-f:.]+)\]|([0-9.]+)):(\d+)$/.exec(destination ?? '');
  if (found === null) return null;
  return { kind: 'dnat', address: canonical(found[1] ?? found[2] ?? ''), port: Number(found[3]) };
}

function parseMasquerade(words: Words): Target {
  const randomFully = words.peek() === '--random-fully';
  if (randomFully) words.next();
  return { kind: 'masquerade', randomFully };
}

function parseMarkTarget(words: Words): Target | null {
  const mark = words.option('--set-xmark');
  if (mark === null) return null;
  const [value, mask] = parseMark(mark);
  return { kind: 'mark', value, mask };
}
