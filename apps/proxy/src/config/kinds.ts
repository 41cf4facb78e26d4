/** Kinds of values: how the text of a flag and a value of a file become one, and how it is written again. */
import { fail, formatDuration, parseDuration, succeed, type Result } from '@signalbox/core';
import { NO_SERVER, parseAddress, parseAddressPort, parseCidr, withDefaultPort } from './ip.ts';

/** The error is the reason, for the end of a message. */
export type Decoded<T> = Result<T, string>;

interface Kind<T> {
  /** Where nothing is set. */
  readonly initial: T;
  /** The value of a flag, by the rules of Go's pflag. */
  readonly parse: (text: string) => Decoded<T>;
  /** A value of a parsed YAML or JSON document. */
  readonly decode: (raw: unknown) => Decoded<T>;
  /** As a flag: for --help, /flagz, the log and error messages. */
  readonly format: (value: T) => string;
  /** As in the API object, where it is not the value itself. */
  readonly encode?: (value: T) => unknown;
  /** Its canonical form; a text that is not valid (since not checked, in another mode) stays. */
  readonly normalize?: (value: T) => T;
  /** Of a flag that is repeated; otherwise the last one counts. */
  readonly merge?: (before: T, value: T) => T;
  /** The text of a flag without a value. */
  readonly implied?: string;
  /** What stands for the value in --help. */
  readonly placeholder: string;
}

const STRING: Kind<string> = {
  initial: '',
  parse: succeed,
  decode: (raw) => (typeof raw === 'string' ? succeed(raw) : fail('must be a string')),
  format: (value) => value,
  placeholder: 'string',
};

const BOOL: Kind<boolean> = {
  initial: false,
  parse: parseBool,
  decode: (raw) => (typeof raw === 'boolean' ? succeed(raw) : fail('must be true or false')),
  format: String,
  implied: 'true',
  placeholder: '',
};

function parseBool(text: string): Decoded<boolean> {
  if (/^(1|t|T|true|TRUE|True)$/.test(text)) return succeed(true);
  if (/^(0|f|F|false|FALSE|False)$/.test(text)) return succeed(false);
  return fail('must be true or false');
}

/** As Go's ParseInt with base 0: `0x1f`, `0b11`, `0o17` and, from C, `017`; `_` between digits. */
const INTEGER = /^([+-]?)(0x(?:_?[\da-f])+|0b(?:_?[01])+|0o?(?:_?[0-7])+|0|[1-9](?:_?\d)*)$/i;

function integer(min: number, max: number): Kind<number> {
  const decode = (raw: unknown): Decoded<number> => {
    if (typeof raw !== 'number' || !Number.isInteger(raw)) return fail('must be an integer');
    return raw < min || raw > max ? fail(`must be within the range [${min}, ${max}]`) : succeed(raw);
  };
  const parse = (text: string): Decoded<number> => {
    const [, sign, digits = ''] = INTEGER.exec(text) ?? [];
    const plain = digits.replaceAll('_', '').replace(/^0(?=\d)/, '0o');
    return decode(sign === undefined ? text : plain === '0' ? 0 : Number(plain) * (sign === '-' ? -1 : 1));
  };
  return { initial: 0, parse, decode, format: String, placeholder: 'int' };
}

const UINT32 = integer(0, 2 ** 32 - 1);

/** The largest that 32 bits hold. */
const MAX_FLOAT32 = 3.402_823_466_385_288_6e38;

const FLOAT32: Kind<number> = {
  initial: 0,
  parse: (text) => {
    if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return fail('must be a number');
    return Math.abs(Number(text)) > MAX_FLOAT32 ? fail('must fit into 32 bits') : succeed(Number(text));
  },
  decode: (raw) =>
    typeof raw === 'number' && Number.isFinite(raw) ? succeed(raw) : fail('must be a number'),
  format: String,
  placeholder: 'number',
};

/** In milliseconds. */
const DURATION: Kind<number> = {
  initial: 0,
  parse: (text) => toDuration(text, 'must be a duration such as 30s or 1h30m'),
  decode: (raw) =>
    toDuration(typeof raw === 'string' ? raw : '', 'must be a duration such as "30s" or "1h30m"'),
  format: formatDuration,
  encode: formatDuration,
  placeholder: 'duration',
};

function toDuration(text: string, reason: string): Decoded<number> {
  const parsed = parseDuration(text);
  return parsed === null ? fail(reason) : succeed(parsed);
}

const STRINGS: Kind<string[]> = {
  initial: [],
  parse: parseList,
  decode: (raw) =>
    Array.isArray(raw) && raw.every((item) => typeof item === 'string')
      ? succeed(raw)
      : fail('must be a list of strings'),
  format: (value) => value.join(','),
  // Lists that the file leaves out are written as null, as the API type does.
  encode: (value) => (value.length === 0 ? null : value),
  merge: (before, value) => [...before, ...value],
  placeholder: 'a,b,...',
};

/** One item of a comma list, by the rules of CSV (RFC 4180): as it is, or quoted, with `""` for a quote. */
const ITEM = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y;

function parseList(text: string): Decoded<string[]> {
  const items: string[] = [];
  ITEM.lastIndex = 0;
  for (let more = text !== ''; more;) {
    const item = ITEM.exec(text);
    if (item === null) return fail('a quote must enclose a whole item, as in "a,b",c');
    items.push(item[1]?.replaceAll('""', '"') ?? item[2] ?? '');
    more = item[3] === ',';
  }
  return succeed(items);
}

/** In the one spelling that rules know: `010.0.0.0/08` is valid, as in kube-proxy. */
const canonicalCidr = (text: string): string => parseCidr(text)?.text ?? text;

const BOOL_MAP: Kind<Record<string, boolean>> = {
  initial: {},
  parse: parseBoolMap,
  decode: (raw) =>
    isObject(raw) && Object.values(raw).every((item) => typeof item === 'boolean')
      ? succeed(raw as Record<string, boolean>)
      : fail('must map names to true or false'),
  format: (value) =>
    Object.entries(value)
      .map(([name, enabled]) => `${name}=${enabled}`)
      .join(','),
  merge: (before, value) => ({ ...before, ...value }),
  placeholder: 'name=bool,...',
};

function parseBoolMap(text: string): Decoded<Record<string, boolean>> {
  const gates: [string, boolean][] = [];
  for (const item of text.split(',').filter((part) => part.trim() !== '')) {
    const [name = '', value = '', ...more] = item.split('=').map((part) => part.trim());
    const parsed = parseBool(value);
    if (more.length > 0 || !parsed.ok) return fail(`${item.trim()}: must be name=true or name=false`);
    gates.push([name, parsed.value]);
  }
  // Not by assignment: a gate named __proto__ must reach the check of names.
  return succeed(Object.fromEntries(gates));
}

export interface VmoduleItem {
  filePattern: string;
  verbosity: number;
}

const VMODULE: Kind<VmoduleItem[]> = {
  initial: [],
  parse: parseVmodule,
  decode: decodeVmodule,
  format: (value) => value.map((item) => `${item.filePattern}=${item.verbosity}`).join(','),
  merge: (before, value) => [...before, ...value],
  placeholder: 'pattern=N,...',
};

function parseVmodule(text: string): Decoded<VmoduleItem[]> {
  const items: VmoduleItem[] = [];
  for (const item of text.split(',').filter((part) => part !== '')) {
    const [filePattern = '', level = '', ...more] = item.split('=');
    if (filePattern === '' || !/^\d+$/.test(level) || more.length > 0) {
      return fail(`${item}: must be pattern=N`);
    }
    items.push({ filePattern, verbosity: Number(level) });
  }
  return succeed(items);
}

function decodeVmodule(raw: unknown): Decoded<VmoduleItem[]> {
  const items: VmoduleItem[] = [];
  for (const item of Array.isArray(raw) ? raw : [null]) {
    const { filePattern = '', verbosity = 0 } = isObject(item) ? item : { filePattern: null };
    const level = UINT32.decode(verbosity);
    if (typeof filePattern !== 'string' || !level.ok)
      return fail('must be a list of {filePattern, verbosity}');
    items.push({ filePattern, verbosity: level.value });
  }
  return succeed(items);
}

const QUANTITY = /^\d+(\.\d+)?(m|k|[KMGTPE]i?|)$/;

const KINDS = {
  string: STRING,
  bool: BOOL,
  'tri-state': { ...STRING, implied: 'true', placeholder: '' },
  int32: integer(-(2 ** 31), 2 ** 31 - 1),
  uint32: UINT32,
  float32: FLOAT32,
  duration: DURATION,
  'duration-or-nanoseconds': {
    ...DURATION,
    decode: (raw) => (Number.isInteger(raw) ? succeed(Number(raw) / 1e6) : DURATION.decode(raw)),
  },
  strings: STRINGS,
  cidrs: { ...STRINGS, normalize: (value: string[]) => value.map(canonicalCidr) },
  /** One of each family, comma separated. */
  'cidr-pair': { ...STRING, normalize: (value: string) => value.split(',').map(canonicalCidr).join(',') },
  'bool-map': BOOL_MAP,
  vmodule: VMODULE,
  quantity: {
    ...STRING,
    parse: (text) => (QUANTITY.test(text) ? succeed(text) : fail('must be a quantity such as 64Ki')),
    decode: (raw) => {
      const text = typeof raw === 'number' ? String(raw) : raw;
      const isQuantity = typeof text === 'string' && QUANTITY.test(text.replace(/^\+/, ''));
      return isQuantity ? succeed(text) : fail('must be a quantity such as "0" or "64Ki"');
    },
    placeholder: 'quantity',
  },
  /** A file's is checked once it is completed. */
  ip: {
    ...STRING,
    parse: (text) =>
      text === '' || parseAddress(text.trim()) !== null
        ? succeed(text.trim())
        : fail('must be an IP address'),
    normalize: (value: string) => parseAddress(value) ?? value,
    placeholder: 'ip',
  },
  /** `IP`, `IP:port` or `none`; empty leaves the default, as in kube-proxy. */
  address: {
    ...STRING,
    parse: (text) =>
      text === NO_SERVER || text === '' || typeof parseAddressPort(withDefaultPort(text, 1)) !== 'string'
        ? succeed(text)
        : fail('must be IP, IP:port or none'),
    placeholder: 'ip[:port]',
  },
} as const satisfies Readonly<Record<string, Kind<string> | Kind<number> | Kind<boolean> | AnyOther>>;

type AnyOther = Kind<string[]> | Kind<Record<string, boolean>> | Kind<VmoduleItem[]>;

export type KindName = keyof typeof KINDS;
export type ValueOf<Name extends KindName> = (typeof KINDS)[Name]['initial'];
export type FieldValue = ValueOf<KindName>;

/** The kind of this name, for values whose kind only the caller can vouch for. */
export function kindOf(name: KindName): Kind<FieldValue> {
  return KINDS[name] as unknown as Kind<FieldValue>;
}

export function isObject(raw: unknown): raw is Record<string, unknown> {
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw);
}
