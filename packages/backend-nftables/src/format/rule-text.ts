/** Rules in the words of `nft list`. */
import type { Family } from '@signalbox/core';
import type { Verdict } from '@signalbox/netlink';
import type { Field, Match, Rule, Statement } from '../objects/rule.ts';

export function formatRule({ matches, statements, comment }: Rule, family: Family): string {
  const isReset = statements.some((statement) => statement.kind === 'reject' && statement.tcpReset === true);
  // A reset implies TCP: nft adds the match and does not list it.
  const listed = matches.filter(({ kind }) => !(isReset && kind === 'protocol'));
  return [
    ...listed.map((match) => matchText(match, family)),
    ...statements.map((statement) => statementText(statement, family)),
    ...(comment === undefined ? [] : [`comment "${comment}"`]),
  ].join(' ');
}

function matchText(match: Match, family: Family): string {
  const not = 'inverted' in match && match.inverted ? '!= ' : '';
  switch (match.kind) {
    case 'ct-new':
      return 'ct state new';
    case 'ct-dnat':
      return 'ct status dnat';
    case 'mark':
      return markText(match.mask);
    case 'address':
      return `${fieldText(match.field, family)} ${not}${match.cidr.replace(/\/(32|128)$/, shortened(family))}`;
    case 'in-interface':
      return `iifname ${not}"${match.name}${match.prefix === true ? '*' : ''}"`;
    case 'local-address':
      return `fib ${match.field} type local`;
    case 'in-set':
      return `${keyText(match.key, family)} ${not}@${match.set}`;
    case 'protocol':
      return `meta l4proto ${match.protocol}`;
    case 'one-in':
      return `numgen random mod ${match.modulus} 0`;
  }
}

/** nft takes a mask of the first bit alone for a prefix. */
function markText(mask: number): string {
  return mask === 2 ** 31 ? 'meta mark != 0x00000000/1' : `meta mark & ${hex(mask)} != 0x00000000`;
}

/** A prefix of full length is listed as an address; `/32` of an IPv6 address is none. */
function shortened(family: Family): (text: string) => string {
  return (text) => (text === (family === 'IPv4' ? '/32' : '/128') ? '' : text);
}

function statementText(statement: Statement, family: Family): string {
  const ip = family === 'IPv4' ? 'ip' : 'ip6';
  switch (statement.kind) {
    case 'set-mark':
      return `meta mark set meta mark | ${hex(statement.mask)}`;
    case 'flip-mark':
      return `meta mark set meta mark ^ ${hex(statement.mask)}`;
    case 'masquerade':
      return 'masquerade fully-random';
    case 'dnat':
      return `dnat to ${family === 'IPv4' ? statement.address : `[${statement.address}]`}:${statement.port}`;
    case 'dnat-map': {
      const { key, slots, seed, map } = statement;
      const slot =
        seed === undefined
          ? `numgen random mod ${slots}`
          : `jhash ${ip} saddr mod ${slots} seed 0x${seed.toString(16)}`;
      return `dnat ${ip} to ${keyText(key, family)} . ${slot} map @${map}`;
    }
    case 'update-set':
      return `update @${statement.set} { ${ip} saddr }`;
    case 'verdict-map':
      return `${keyText(statement.key, family)} vmap @${statement.map}`;
    case 'reject':
      return statement.tcpReset === true ? 'reject with tcp reset' : 'reject';
    case 'verdict':
      return verdictText(statement.verdict);
  }
}

function verdictText(verdict: Verdict): string {
  return 'chain' in verdict ? `${verdict.kind} ${verdict.chain}` : verdict.kind;
}

function keyText(key: readonly Field[], family: Family): string {
  return key.map((field) => fieldText(field, family)).join(' . ');
}

function fieldText(field: Field, family: Family): string {
  if (field === 'l4proto') return 'meta l4proto';
  return field === 'dport' ? 'th dport' : `${family === 'IPv4' ? 'ip' : 'ip6'} ${field}`;
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}
