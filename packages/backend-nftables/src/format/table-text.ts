/**
 * The table in the syntax of nft, as `nft list table` prints it but for the layout of elements: one a line, sorted, so that equal
 * tables are equal texts. nft loads it.
 */
import type { Family } from '@signalbox/core';
import { nftFamily } from '../encode/rule-expressions.ts';
import { type Chain, ENDPOINT_MAPS, type SetDeclaration, TABLE } from '../objects/ruleset.ts';
import type { TypeofField } from '@signalbox/netlink';
import { formatRule } from './rule-text.ts';

export interface TableContent {
  readonly sets: readonly {
    readonly declaration: SetDeclaration;
    readonly elements: ReadonlyMap<string, string>;
  }[];
  readonly chains: readonly Chain[];
}

export function formatTable({ sets, chains }: TableContent, family: Family): string {
  const parts = [
    ...sets.map(({ declaration, elements }) => setText(declaration, elements)),
    ...chains.map((chain) => chainText(chain, family)),
  ];
  return `table ${nftFamily(family)} ${TABLE} {\n${['\tcomment "Signalbox"', ...parts].join('\n\n')}\n}\n`;
}

/** The kernel limits a set without a size when a rule that updates it is added. */
const DYNAMIC_SIZE = 65_535;

function setText(set: SetDeclaration, elements: ReadonlyMap<string, string>): string {
  return block(setTitle(set), [...declarationLines(set), ...elementLines(set, elements)]);
}

/** `map service-ips`. */
export function setTitle({ name, data }: SetDeclaration): string {
  return `${data === undefined ? 'set' : 'map'} ${name}`;
}

export function declarationLines(set: SetDeclaration): readonly string[] {
  return [
    typeText(set),
    ...(set.flags?.includes('dynamic') === true ? [`size ${DYNAMIC_SIZE}`] : []),
    ...(set.flags === undefined ? [] : [`flags ${set.flags.join(',')}`]),
    ...(set.timeout === undefined ? [] : [`timeout ${durationText(set.timeout)}`]),
    ...(set.counter === true ? ['counter'] : []),
    ...(set.comment === undefined ? [] : [`comment "${set.comment}"`]),
  ];
}

function typeText(set: SetDeclaration): string {
  if (set.typeof !== undefined) {
    const { key, data } = set.typeof;
    return `typeof ${typeofText(key)}${data === undefined ? '' : ` : ${typeofText(data)}`}`;
  }
  const data =
    set.data === undefined ? '' : ` : ${set.data === 'verdict' ? 'verdict' : set.data.join(' . ')}`;
  return `type ${set.key.join(' . ')}${data}`;
}

function typeofText(fields: readonly TypeofField[]): string {
  const text = (field: TypeofField): string =>
    typeof field === 'string' ? field : `numgen random mod ${field.numgen}`;
  return fields.map(text).join(' . ');
}

/** `3h`, `10m`, `1h30m`: nft leaves out what is zero. */
function durationText(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  const units: readonly (readonly [number, string])[] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ];
  return units.flatMap(([value, unit]) => (value === 0 ? [] : [`${value}${unit}`])).join('');
}

/** Slots are numbered anew, in the order of the endpoints: which slot an endpoint has depends on those before it. */
function elementLines(set: SetDeclaration, elements: ReadonlyMap<string, string>): readonly string[] {
  if (elements.size === 0) return [];
  const isSlotted = (ENDPOINT_MAPS as readonly string[]).includes(set.name);
  const counter = set.counter === true ? ' counter packets 0 bytes 0' : '';
  const entries = isSlotted ? renumbered(elements) : [...elements];
  const texts = entries.map(([key, data]) => `${key}${counter}${data === '' ? '' : ` : ${data}`}`);
  return ['elements = {', `\t${texts.toSorted(naturalOrder()).join(',\n\t\t\t')}`, '}'];
}

function renumbered(elements: ReadonlyMap<string, string>): readonly (readonly [string, string])[] {
  const groups = new Map<string, string[]>();
  for (const [key, endpoint] of elements) {
    const frontend = key.slice(0, key.lastIndexOf(' . '));
    groups.set(frontend, [...(groups.get(frontend) ?? []), endpoint]);
  }
  const naturally = naturalOrder();
  return [...groups].flatMap(([frontend, endpoints]) =>
    endpoints.toSorted(naturally).map((endpoint, slot) => [`${frontend} . ${slot}`, endpoint] as const),
  );
}

/** Made where a table is formatted, never at start: it loads tables of the locale, 15 ms of CPU. */
function naturalOrder(): (one: string, other: string) => number {
  return new Intl.Collator('en', { numeric: true }).compare;
}

function chainText({ name, base, rules }: Chain, family: Family): string {
  return block(`chain ${name}`, [...hookLines(base), ...rules.map((rule) => formatRule(rule, family))]);
}

/** Of a base chain; none of any other. */
export function hookLines(base: Chain['base']): readonly string[] {
  if (base === undefined) return [];
  const { type, hook, priority, policy = 'accept' } = base;
  return [`type ${type} hook ${hook} priority ${priorityText(hook, priority)}; policy ${policy};`];
}

/** nft has names for the priorities of some hooks, and counts from them. */
function priorityText(hook: string, priority: number): string {
  if (priority === 0) return 'filter';
  if (hook === 'postrouting' && priority === 100) return 'srcnat';
  if (hook !== 'prerouting') return String(priority);
  return priority === -100 ? 'dstnat' : `dstnat - ${-100 - priority}`;
}

function block(head: string, lines: readonly string[]): string {
  return [`\t${head} {`, ...lines.map((line) => `\t\t${line}`), '\t}'].join('\n');
}
