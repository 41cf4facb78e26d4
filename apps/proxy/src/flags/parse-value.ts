import { parseDuration } from '../config/duration.ts';
import { NO_SERVER, parseAddress } from '../config/ip.ts';
import type { FieldValue } from '../config/fields.ts';
import type { Flag, FlagKind } from './flag.ts';

export type FlagValue =
  { readonly ok: true; readonly value: FieldValue } | { readonly ok: false; readonly reason: string };

const good = (value: FieldValue): FlagValue => ({ ok: true, value });
const bad = (reason: string): FlagValue => ({ ok: false, reason });

/** One flag's text as a value, by the rules of Go's pflag. */
export function parseFlagValue(flag: Flag, text: string): FlagValue {
  if (flag.choices?.includes(text) === false) return bad(`must be ${flag.choices.join(' or ')}`);
  return PARSERS[flag.kind](text);
}

const PARSERS: Readonly<Record<FlagKind, (text: string) => FlagValue>> = {
  string: good,
  'tri-state': good,
  bool: (text) => parseBool(text),
  int32: (text) => parseInteger(text, -(2 ** 31), 2 ** 31 - 1),
  uint32: (text) => parseInteger(text, 0, 2 ** 32 - 1),
  float32: (text) => parseFloat32(text),
  duration: (text) => {
    const parsed = parseDuration(text);
    return parsed === null ? bad('must be a duration such as 30s or 1h30m') : good(parsed);
  },
  strings: (text) => parseList(text),
  'bool-map': (text) => parseBoolMap(text),
  vmodule: (text) => parseVmodule(text),
  quantity: (text) =>
    /^\d+(\.\d+)?(m|k|[KMGTPE]i?|)$/.test(text) ? good(text) : bad('must be a quantity such as 64Ki'),
  ip: (text) =>
    text === '' || parseAddress(text.trim()) !== null ? good(text.trim()) : bad('must be an IP address'),
  address: (text) => parseServer(text),
};

function parseBool(text: string): FlagValue {
  if (/^(1|t|T|true|TRUE|True)$/.test(text)) return good(true);
  if (/^(0|f|F|false|FALSE|False)$/.test(text)) return good(false);
  return bad('must be true or false');
}

/** One item of a comma list, by the rules of CSV (RFC 4180): as it is, or quoted, with `""` for a quote. */
const ITEM = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y;

function parseList(text: string): FlagValue {
  const items: string[] = [];
  ITEM.lastIndex = 0;
  for (let more = text !== ''; more;) {
    const item = ITEM.exec(text);
    if (item === null) return bad('a quote must enclose a whole item, as in "a,b",c');
    items.push(item[1]?.replaceAll('""', '"') ?? item[2] ?? '');
    more = item[3] === ',';
  }
  return good(items);
}

/** As Go's ParseInt with base 0: `0x1f`, `0b11`, `0o17` and, from C, `017`; `_` between digits. */
const INTEGER = /^([+-]?)(0x(?:_?[\da-f])+|0b(?:_?[01])+|0o?(?:_?[0-7])+|0|[1-9](?:_?\d)*)$/i;

function parseInteger(text: string, min: number, max: number): FlagValue {
  const [, sign, digits = ''] = INTEGER.exec(text) ?? [];
  if (sign === undefined) return bad('must be an integer');
  const plain = digits.replaceAll('_', '').replace(/^0(?=\d)/, '0o');
  const value = plain === '0' ? 0 : Number(plain) * (sign === '-' ? -1 : 1);
  if (Number.isNaN(value)) return bad('must be an integer');
  return value < min || value > max ? bad(`must be within the range [${min}, ${max}]`) : good(value);
}

/** The largest that 32 bits hold. */
const MAX_FLOAT32 = 3.402_823_466_385_288_6e38;

function parseFloat32(text: string): FlagValue {
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return bad('must be a number');
  const value = Number(text);
  return Math.abs(value) > MAX_FLOAT32 ? bad('must fit into 32 bits') : good(value);
}

function parseBoolMap(text: string): FlagValue {
  const gates: [string, boolean][] = [];
  for (const item of text.split(',').filter((part) => part.trim() !== '')) {
    const [name = '', value = '', ...more] = item.split('=').map((part) => part.trim());
    const parsed = parseBool(value);
    if (more.length > 0 || !parsed.ok) return bad(`${item.trim()}: must be name=true or name=false`);
    gates.push([name, parsed.value === true]);
  }
  // Not by assignment: a gate named __proto__ must reach the judge of names.
  return good(Object.fromEntries(gates));
}

function parseVmodule(text: string): FlagValue {
  const items: { filePattern: string; verbosity: number }[] = [];
  for (const item of text.split(',').filter((part) => part !== '')) {
    const [filePattern = '', level = '', ...more] = item.split('=');
    if (filePattern === '' || !/^\d+$/.test(level) || more.length > 0) {
      return bad(`${item}: must be pattern=N`);
    }
    items.push({ filePattern, verbosity: Number(level) });
  }
  return good(items);
}

/** `IP`, `IP:port` or `none`; empty leaves the default, as in kube-proxy. */
function parseServer(text: string): FlagValue {
  if (text === NO_SERVER || text === '' || parseAddress(text.replace(/^\[(.*)\]$/, '$1')) !== null)
    return good(text);
  const host = /^(?:\[(.*)\]|([^:]*)):(\d+)$/.exec(text);
  const port = Number(host?.[3] ?? 0);
  const valid = host !== null && parseAddress(host[1] ?? host[2] ?? '') !== null && port > 0 && port < 65_536;
  return valid ? good(text) : bad('must be IP, IP:port or none');
}
