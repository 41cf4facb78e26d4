import { readAttributes, readText, readU32BE } from '../../codec/reader.ts';
import type { PayloadWriter } from '../../codec/writer.ts';
import { NFTA_DATA, NFTA_VERDICT, VERDICT } from './constants.ts';

/** What a rule or a map element decides. */
export type Verdict =
  | { readonly kind: 'drop' | 'accept' | 'continue' | 'break' | 'return' }
  | { readonly kind: 'jump' | 'goto'; readonly chain: string };

/** What a register or a map element holds: a value, in the byte order that its user expects, or a verdict. */
export type Data = Uint8Array | Verdict;

/** False for a value in bytes. */
export function isVerdict(data: Data): data is Verdict {
  return !(data instanceof Uint8Array);
}

/** `NFTA_DATA_VALUE` or `NFTA_DATA_VERDICT` within an attribute of `type`. */
export function writeData(writer: PayloadWriter, type: number, data: Data): void {
  const start = writer.open();
  if (!isVerdict(data)) writer.bytes(NFTA_DATA.VALUE, data);
  else writer.nested(NFTA_DATA.VERDICT, () => writeVerdict(writer, data));
  writer.close(start, type);
}

function writeVerdict(writer: PayloadWriter, verdict: Verdict): void {
  writer.u32BE(NFTA_VERDICT.CODE, VERDICT[verdict.kind]);
  if ('chain' in verdict) writer.text(NFTA_VERDICT.CHAIN, verdict.chain);
}

/** `undefined` for data of no known form. */
export function readData(bytes: Buffer | undefined): Data | undefined {
  const attributes = readAttributes(bytes);
  const value = attributes.get(NFTA_DATA.VALUE);
  return value ?? readVerdict(attributes.get(NFTA_DATA.VERDICT));
}

const KINDS: ReadonlyMap<number, keyof typeof VERDICT> = new Map(
  Object.entries(VERDICT).map(([kind, code]) => [code, kind as keyof typeof VERDICT]),
);

function readVerdict(bytes: Buffer | undefined): Verdict | undefined {
  const attributes = readAttributes(bytes);
  const code = readU32BE(attributes, NFTA_VERDICT.CODE);
  const kind = code === undefined ? undefined : KINDS.get(code | 0);
  if (kind !== 'jump' && kind !== 'goto') return kind === undefined ? undefined : { kind };
  const chain = readText(attributes, NFTA_VERDICT.CHAIN);
  return chain === undefined ? undefined : { kind, chain };
}
