/** Rules as the kernel's expressions, exactly as nft writes them, so that nft lists them as they were meant. */
import { parseCidr, type Family } from '@signalbox/core';
import {
  ADDRESS_OFFSET,
  ADDRESS_TYPE_LOCAL,
  addressBytes,
  CT_STATE,
  CT_STATUS_DNAT,
  type Expression,
} from '@signalbox/netlink';
import type { Match, NftProtocol, Rule, Statement } from '../objects/rule.ts';
import { load, loadKey, registerOf, wordsOf } from './registers.ts';

export function ruleExpressions({ matches, statements }: Rule, family: Family): readonly Expression[] {
  return [
    ...matches.flatMap((match) => matchExpressions(match, family)),
    ...statements.flatMap((statement) => statementExpressions(statement, family)),
  ];
}

/** `IPPROTO_` numbers. */
export const PROTOCOL: Readonly<Record<NftProtocol, number>> = { tcp: 6, udp: 17, sctp: 132 };

const FIRST = registerOf(0);

function matchExpressions(match: Match, family: Family): readonly Expression[] {
  switch (match.kind) {
    case 'ct-new':
      return [{ name: 'ct', key: 'state', dreg: FIRST }, ...anyBit(CT_STATE.new)];
    case 'ct-dnat':
      return [{ name: 'ct', key: 'status', dreg: FIRST }, ...anyBit(CT_STATUS_DNAT)];
    case 'mark':
      return [{ name: 'meta', key: 'mark', dreg: FIRST }, ...anyBit(match.mask)];
    case 'address':
      return addressExpressions(match, family);
    case 'in-interface':
      return [{ name: 'meta', key: 'iifname', dreg: FIRST }, interfaceComparison(match)];
    case 'local-address':
      return [
        { name: 'fib', dreg: FIRST, result: 'type', of: match.field },
        equal(hostOrder(ADDRESS_TYPE_LOCAL)),
      ];
    case 'in-set':
      return lookup(match, family);
    case 'protocol':
      return [load('l4proto', FIRST, family), equal(Buffer.of(PROTOCOL[match.protocol]))];
    case 'one-in':
      return [{ name: 'numgen', dreg: FIRST, modulus: match.modulus, type: 'random' }, equal(hostOrder(0))];
  }
}

function statementExpressions(statement: Statement, family: Family): readonly Expression[] {
  switch (statement.kind) {
    case 'set-mark':
      return changeMark(~statement.mask, statement.mask);
    case 'flip-mark':
      return changeMark(-1, statement.mask);
    case 'masquerade':
      return [{ name: 'masq', fullyRandom: true }];
    case 'dnat':
      return translation(statement.address, statement.port, family);
    case 'dnat-map':
      return translationByMap(statement, family);
    case 'update-set':
      return [
        load('saddr', FIRST, family),
        { name: 'dynset', set: statement.set, operation: 'update', key: FIRST },
      ];
    case 'verdict-map':
      return [
        ...loadKey(statement.key, family).expressions,
        { name: 'lookup', set: statement.map, sreg: FIRST, dreg: 0 },
      ];
    case 'reject':
      return [statement.tcpReset === true ? { name: 'reject', type: 'tcp-reset' } : unreachable(family)];
    case 'verdict':
      return [{ name: 'immediate', dreg: 0, data: statement.verdict }];
  }
}

/** ICMP 3 "port unreachable", ICMPv6 4. */
function unreachable(family: Family): Expression {
  return { name: 'reject', type: 'icmp', code: family === 'IPv4' ? 3 : 4 };
}

function equal(data: Uint8Array): Expression {
  return { name: 'cmp', sreg: FIRST, operator: 'eq', data };
}

function hostOrder(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}

function anyBit(mask: number): readonly Expression[] {
  return [
    {
      name: 'bitwise',
      sreg: FIRST,
      dreg: FIRST,
      length: 4,
      mask: hostOrder(mask),
      xor: hostOrder(0),
    },
    { name: 'cmp', sreg: FIRST, operator: 'neq', data: hostOrder(0) },
  ];
}

/** `mark = (mark & and) ^ xor`. */
function changeMark(and: number, xor: number): readonly Expression[] {
  return [
    { name: 'meta', key: 'mark', dreg: FIRST },
    {
      name: 'bitwise',
      sreg: FIRST,
      dreg: FIRST,
      length: 4,
      mask: hostOrder(and),
      xor: hostOrder(xor),
    },
    { name: 'meta', key: 'mark', sreg: FIRST },
  ];
}

/** A prefix that ends at a byte is compared by its bytes alone; any other is masked first. */
function addressExpressions(
  { field, cidr, inverted }: Extract<Match, { kind: 'address' }>,
  family: Family,
): readonly Expression[] {
  const parsed = parseCidr(cidr.includes('/') ? cidr : `${cidr}/${family === 'IPv4' ? 32 : 128}`);
  if (parsed === null) throw new RangeError(`not a CIDR: ${JSON.stringify(cidr)}`);
  const { prefixLength, text } = parsed;
  const bytes = addressBytes(text.slice(0, text.indexOf('/')));
  const operator = inverted === true ? 'neq' : 'eq';
  const { [field]: offset } = ADDRESS_OFFSET[family === 'IPv4' ? 'ip' : 'ip6'];
  if (prefixLength > 0 && prefixLength % 8 === 0) {
    const length = prefixLength / 8;
    return [
      { name: 'payload', dreg: FIRST, base: 'network', offset, length },
      { name: 'cmp', sreg: FIRST, operator, data: bytes.subarray(0, length) },
    ];
  }
  const mask = Buffer.from(
    bytes.map((_, index) => 0xff00 >> Math.min(8, Math.max(0, prefixLength - index * 8))),
  );
  const xor = Buffer.alloc(bytes.length);
  return [
    load(field, FIRST, family),
    { name: 'bitwise', sreg: FIRST, dreg: FIRST, length: bytes.length, mask, xor },
    { name: 'cmp', sreg: FIRST, operator, data: bytes },
  ];
}

/** `IFNAMSIZ`: the kernel compares the whole of a name, padded, and of a prefix as much as there is. */
const INTERFACE_BYTES = 16;

function interfaceComparison(match: Extract<Match, { kind: 'in-interface' }>): Expression {
  const { name, prefix, inverted } = match;
  const text = Buffer.from(name);
  const data = prefix === true ? text : Buffer.concat([text, Buffer.alloc(INTERFACE_BYTES)], INTERFACE_BYTES);
  return { name: 'cmp', sreg: FIRST, operator: inverted === true ? 'neq' : 'eq', data };
}

function lookup(
  { key, set, inverted }: Extract<Match, { kind: 'in-set' }>,
  family: Family,
): readonly Expression[] {
  const { expressions } = loadKey(key, family);
  const found: Expression = { name: 'lookup', set, sreg: FIRST };
  return [...expressions, inverted === true ? { ...found, inverted } : found];
}

function translation(address: string, port: number, family: Family): readonly Expression[] {
  const portBytes = Buffer.alloc(2);
  portBytes.writeUInt16BE(port);
  const to = { address: FIRST, port: registerOf(4) };
  return [
    { name: 'immediate', dreg: to.address, data: addressBytes(address) },
    { name: 'immediate', dreg: to.port, data: portBytes },
    { name: 'nat', type: 'dnat', family: nftFamily(family), ...to },
  ];
}

type DnatMap = Extract<Statement, { kind: 'dnat-map' }>;

/** Words between the key and the address that is hashed, as nft leaves them. */
const HASHED_AFTER = 5;

function clientHash(
  { slots, seed, words }: { readonly slots: number; readonly seed: number; readonly words: number },
  family: Family,
): readonly Expression[] {
  const sreg = registerOf(words + HASHED_AFTER);
  const { length } = ADDRESS_OFFSET[nftFamily(family)];
  return [
    load('saddr', sreg, family),
    { name: 'hash', sreg, dreg: registerOf(words), length, modulus: slots, seed },
  ];
}

function translationByMap({ key, slots, seed, map }: DnatMap, family: Family): readonly Expression[] {
  const { expressions, words } = loadKey(key, family);
  return [
    ...expressions,
    ...(seed === undefined
      ? [{ name: 'numgen', dreg: registerOf(words), modulus: slots, type: 'random' } as const]
      : clientHash({ slots, seed, words }, family)),
    { name: 'lookup', set: map, sreg: FIRST, dreg: FIRST },
    {
      name: 'nat',
      type: 'dnat',
      family: nftFamily(family),
      address: FIRST,
      port: registerOf(wordsOf('daddr', family)),
    },
  ];
}

export function nftFamily(family: Family): 'ip' | 'ip6' {
  return family === 'IPv4' ? 'ip' : 'ip6';
}
