/**
 * Rules in canonical text: the words and the order in which `iptables-save` (1.8) lists them. A written rule is
 * therefore listed with the same text, and a rule's text is its identity.
 */
import type { Family } from '@signalbox/core';
import type { Rule } from '../objects/rule.ts';
import type { Target } from '../objects/target.ts';
import { encodeExtension, encodeHeader, headerRank, hexMark, isHeader } from './match-text.ts';

/** Everything after `-A CHAIN `; empty for a rule that matches all packets and has no target. */
export function encodeRule(rule: Rule, family: Family): string {
  if (rule.kind === 'opaque') return rule.text;
  const headers = rule.matches.filter(isHeader).toSorted((a, b) => headerRank(a) - headerRank(b));
  const parts = headers.map(encodeHeader);
  for (const match of rule.matches) {
    if (!isHeader(match)) parts.push(encodeExtension(match, family));
  }
  parts.push(encodeTarget(rule.target, family));
  return parts.filter((part) => part !== '').join(' ');
}

function encodeTarget(target: Target, family: Family): string {
  switch (target.kind) {
    case 'none':
      return '';
    case 'jump':
      return `-j ${target.chain}`;
    case 'goto':
      return `-g ${target.chain}`;
    case 'accept':
      return '-j ACCEPT';
    case 'drop':
      return '-j DROP';
    case 'return':
      return '-j RETURN';
    case 'reject':
      return `-j REJECT --reject-with ${family === 'IPv4' ? 'icmp' : 'icmp6'}-port-unreachable`;
    case 'dnat':
      return `-j DNAT --to-destination ${hostPort(target.address, target.port)}`;
    case 'masquerade':
      return target.randomFully ? '-j MASQUERADE --random-fully' : '-j MASQUERADE';
    case 'mark':
      return `-j MARK --set-xmark ${hexMark(target.value)}/${hexMark(target.mask)}`;
  }
}

function hostPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
