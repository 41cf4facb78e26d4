/**
 * Checks of single values, for `validate-change.ts`. A problem is the path of the invalid part below the value checked, and
 * what is wrong: `.frontends[0].address: "x" is not an IPv4 address in canonical form`.
 */
import { isDnsName, isNodeName, isPortNumber } from '../decode/reader.ts';
import { isCanonicalAddress, isCanonicalCidr } from '../model/canonical-address.ts';
import { FAMILIES, type Family } from '../model/family.ts';

export type Problem = string | null;
export type Fields = Readonly<Record<string, unknown>>;

/** The problem of a part of the value. `path`: where the part is, `.name` or `[3]`. */
export function at(path: string, problem: Problem): Problem {
  return problem === null ? null : path + problem;
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const SHOWN = 60;

/** `: "value" is not …`. Control characters are escaped, so that the message stays one line. */
export function isNot(value: unknown, allowed: string): string {
  return `: ${show(value)} is not ${allowed}`;
}

function show(value: unknown): string {
  if (value === undefined) return 'undefined';
  if (value === null) return 'null';
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value !== 'string') return Array.isArray(value) ? 'a list' : `a value of type ${typeof value}`;
  const shown = JSON.stringify(value.slice(0, SHOWN)).replace(/[\u007f-\u009f\u2028\u2029]/g, '?');
  return value.length > SHOWN ? `${shown}…` : shown;
}

export function mapping(value: unknown): Problem {
  return isFields(value) ? null : isNot(value, 'an object');
}

/** Every element of a list. */
export function each(value: unknown, check: (element: unknown) => Problem): Problem {
  if (!Array.isArray(value)) return isNot(value, 'a list');
  const list: readonly unknown[] = value;
  for (let index = 0; index < list.length; index++) {
    const problem = check(list[index]);
    if (problem !== null) return `[${index}]${problem}`;
  }
  return null;
}

export function nonEmpty(value: unknown): Problem {
  return Array.isArray(value) && value.length === 0 ? ': the list is empty' : null;
}

export function oneOf(value: unknown, allowed: readonly string[]): Problem {
  return allowed.includes(value as string) ? null : isNot(value, `one of ${allowed.join(', ')}`);
}

export function isTrueOrFalse(value: unknown): Problem {
  return typeof value === 'boolean' ? null : isNot(value, 'true or false');
}

export function port(value: unknown): Problem {
  return isPortNumber(value) ? null : isNot(value, 'a port (1-65535)');
}

export function wholeNumber(value: unknown, least: number, most: number): Problem {
  const fits = Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most;
  return fits ? null : isNot(value, `a whole number from ${least} to ${most}`);
}

/** The label of a service port has to fit into the comment of a rule (255 bytes). */
const NAME_LENGTH = 253;

export function dnsName(value: unknown): Problem {
  const fits = typeof value === 'string' && value.length <= NAME_LENGTH && isDnsName(value);
  return fits ? null : isNot(value, 'a DNS name');
}

export function address(value: unknown, family: Family): Problem {
  const fits = typeof value === 'string' && isCanonicalAddress(value, family);
  return fits ? null : isNot(value, `an ${family} address in canonical form`);
}

/** Of either family. */
export function anyAddress(value: unknown): Problem {
  return FAMILIES.some((family) => address(value, family) === null) ? null : isNot(value, 'an IP address');
}

export function anyCidr(value: unknown): Problem {
  return FAMILIES.some((family) => cidr(value, family) === null)
    ? null
    : isNot(value, 'a CIDR in canonical form');
}

export function cidr(value: unknown, family: Family): Problem {
  const fits = typeof value === 'string' && isCanonicalCidr(value, family);
  return fits ? null : isNot(value, `an ${family} CIDR in canonical form`);
}

/** Linux allows neither slashes nor white space nor colons; the other characters would end a token in the text of a rule. */
const INTERFACE_NAME = /^[^-!\s\p{Cc}/:"'\\][^\s\p{Cc}/:"'\\]{0,254}$/u;

export function interfaceName(value: unknown): Problem {
  const fits = typeof value === 'string' && INTERFACE_NAME.test(value);
  return fits ? null : isNot(value, 'the name of a network interface');
}

export function nodeName(value: unknown): Problem {
  return isNodeName(value) ? null : isNot(value, 'a node name');
}
