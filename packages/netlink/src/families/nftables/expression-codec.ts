/** Expressions to and from `NFTA_EXPR_` attributes, by one table: attribute numbers, field names, forms. */
import { type Attributes, eachAttribute, readAttributes, readText } from '../../codec/reader.ts';
import type { PayloadWriter } from '../../codec/writer.ts';
import { NFPROTO, NFTA_DATA, NFTA_EXPRESSION, NFTA_LIST_ELEMENT } from './constants.ts';
import type { Expression } from './expression.ts';
import { type Data, readData, writeData } from './verdict.ts';

/** How one field is written and read. */
interface Form {
  readonly write: (writer: PayloadWriter, type: number, value: never) => void;
  /** `undefined`: the value that an absent field stands for. */
  readonly read: (value: Buffer) => unknown;
}

const U32: Form = {
  write: (writer, type, value: number) => writer.u32BE(type, value),
  read: (value) => value.readUInt32BE(),
};
const U8: Form = {
  write: (writer, type, value: number) => writer.u8(type, value),
  read: (value) => value[0] || undefined,
};
const U64: Form = {
  write: (writer, type, value: number) => writer.u64BE(type, value),
  read: (value) => Number(value.readBigUInt64BE()),
};
const TEXT: Form = {
  write: (writer, type, value: string) => writer.text(type, value),
  read: (value) => value.toString('utf8', 0, value.indexOf(0)),
};
const DATA: Form = {
  write: (writer, type, value: Data) => writeData(writer, type, value),
  read: readData,
};
const BYTES: Form = {
  write: (writer, type, value: Uint8Array) => writer.nested(type, () => writer.bytes(NFTA_DATA.VALUE, value)),
  read: (value) => readAttributes(value).get(NFTA_DATA.VALUE),
};

/** One of some words. */
function word(words: Readonly<Record<string, number>>): Form {
  const names = new Map(Object.entries(words).map(([name, number]) => [number, name]));
  return {
    write: (writer, type, value: string) => writer.u32BE(type, words[value] ?? 0),
    read: (value) => names.get(value.readUInt32BE()),
  };
}

/** Set or absent. */
function flag(bit: number): Form {
  return {
    write: (writer, type) => writer.u32BE(type, bit),
    read: (value) => (value.readUInt32BE() & bit) === bit || undefined,
  };
}

type Field = readonly [type: number, name: string, form: Form];

const NAT_FAMILY = word({ ip: NFPROTO.ip, ip6: NFPROTO.ip6 });

/** In the order in which nft writes the attributes. What the kernel lists besides is of no meaning here. */
const FIELDS: Readonly<Record<Exclude<Expression['name'], 'unknown'>, readonly Field[]>> = {
  payload: [
    [1, 'dreg', U32],
    [2, 'base', word({ link: 0, network: 1, transport: 2 })],
    [3, 'offset', U32],
    [4, 'length', U32],
  ],
  meta: [
    [1, 'dreg', U32],
    [2, 'key', word({ mark: 3, iifname: 6, oifname: 7, nfproto: 15, l4proto: 16 })],
    [3, 'sreg', U32],
  ],
  ct: [
    [1, 'dreg', U32],
    [2, 'key', word({ state: 0, status: 2 })],
  ],
  lookup: [
    [1, 'set', TEXT],
    [2, 'sreg', U32],
    [3, 'dreg', U32],
    [5, 'inverted', flag(1)],
  ],
  numgen: [
    [1, 'dreg', U32],
    [2, 'modulus', U32],
    [3, 'type', word({ incremental: 0, random: 1 })],
  ],
  hash: [
    [1, 'sreg', U32],
    [2, 'dreg', U32],
    [3, 'length', U32],
    [4, 'modulus', U32],
    [5, 'seed', U32],
  ],
  nat: [
    [1, 'type', word({ snat: 0, dnat: 1 })],
    [2, 'family', NAT_FAMILY],
    [3, 'address', U32],
    [5, 'port', U32],
  ],
  masq: [[1, 'fullyRandom', flag(0x10)]],
  reject: [
    [1, 'type', word({ icmp: 0, 'tcp-reset': 1 })],
    [2, 'code', U8],
  ],
  immediate: [
    [1, 'dreg', U32],
    [2, 'data', DATA],
  ],
  cmp: [
    [1, 'sreg', U32],
    [2, 'operator', word({ eq: 0, neq: 1 })],
    [3, 'data', BYTES],
  ],
  bitwise: [
    [1, 'sreg', U32],
    [2, 'dreg', U32],
    [3, 'length', U32],
    [4, 'mask', BYTES],
    [5, 'xor', BYTES],
  ],
  fib: [
    [1, 'dreg', U32],
    [2, 'result', word({ type: 3 })],
    [3, 'of', word({ saddr: 1, daddr: 2 })],
  ],
  dynset: [
    [1, 'set', TEXT],
    [3, 'operation', word({ add: 0, update: 1 })],
    [4, 'key', U32],
  ],
  counter: [
    [1, 'bytes', U64],
    [2, 'packets', U64],
  ],
};

/** A list attribute of `type` with one element for each expression. Throws a RangeError for one that cannot be written. */
export function writeExpressions(
  writer: PayloadWriter,
  type: number,
  expressions: readonly Expression[],
): void {
  writer.nested(type, () => {
    for (const expression of expressions) writeExpression(writer, NFTA_LIST_ELEMENT, expression);
  });
}

export function writeExpression(writer: PayloadWriter, type: number, expression: Expression): void {
  if (expression.name === 'unknown') {
    throw new RangeError(`expression ${expression.kernelName} is not known to this package`);
  }
  const fields = FIELDS[expression.name];
  const values = expression as unknown as Readonly<Record<string, never>>;
  writer.nested(type, () => {
    writer.text(NFTA_EXPRESSION.NAME, expression.name);
    writer.nested(NFTA_EXPRESSION.DATA, () => {
      for (const [attribute, name, form] of fields) {
        const value = values[name];
        if (value !== undefined) form.write(writer, attribute, value);
      }
    });
  });
}

/** The expressions of a list attribute, each in the form in which `writeExpressions` takes it. */
export function readExpressions(list: Buffer | undefined): readonly Expression[] {
  const expressions: Expression[] = [];
  if (list !== undefined) eachAttribute(list, (_, value) => expressions.push(readExpression(value)));
  return expressions;
}

export function readExpression(bytes: Buffer): Expression {
  const attributes = readAttributes(bytes);
  const name = readText(attributes, NFTA_EXPRESSION.NAME) ?? '';
  const fields = Object.hasOwn(FIELDS, name) ? FIELDS[name as keyof typeof FIELDS] : undefined;
  if (fields === undefined) return { name: 'unknown', kernelName: name };
  const values = readFields(readAttributes(attributes.get(NFTA_EXPRESSION.DATA)), fields);
  return { name, ...values } as Expression;
}

function readFields(attributes: Attributes, fields: readonly Field[]): Readonly<Record<string, unknown>> {
  const values: Record<string, unknown> = {};
  for (const [type, name, form] of fields) {
    const bytes = attributes.get(type);
    const value = bytes === undefined ? undefined : form.read(bytes);
    if (value !== undefined) values[name] = value;
  }
  return values;
}
