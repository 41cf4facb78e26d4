/** Replies of the native layer, and the documents in them. Nothing here throws: what cannot be read is an error value. */
import { HRESULT } from '../objects/hresult.ts';
import type { HcnReply } from '../objects/hcn-call.ts';
import type { HnsVersion } from '../objects/hns-version.ts';
import type { RawDocument } from './documents.ts';

function parseObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

export function failedReply(call: string, message: string, hresult: number = HRESULT.fail): HcnReply {
  return { hresult, call, record: message, items: [] };
}

/** HNS sometimes returns S_OK with an error record: a reply with a record is an error. */
export function parseReply(text: string): HcnReply {
  const value = parseObject(text);
  if (value === null || typeof value['hr'] !== 'number' || !Array.isArray(value['items'])) {
    return failedReply('Invoke', `unreadable reply: ${text.slice(0, 200)}`);
  }
  const record = typeof value['record'] === 'string' ? value['record'] : '';
  const hresult = value['hr'] >>> 0;
  return {
    hresult: hresult === 0 && record !== '' ? codeInRecord(record) : hresult,
    call: typeof value['call'] === 'string' ? value['call'] : '',
    record,
    items: value['items'].filter((item) => typeof item === 'string'),
  };
}

function codeInRecord(record: string): number {
  const code = parseObject(record)?.['ErrorCode'];
  return typeof code === 'number' && code !== 0 ? code >>> 0 : HRESULT.fail;
}

/** The documents of a reply; `null` if one of them has no id and so is not a document of HNS. */
export function parseDocuments(items: readonly string[]): readonly RawDocument[] | null {
  const documents = items.map(parseObject);
  const readable = documents.every((document) => typeof document?.['ID'] === 'string');
  return readable ? (documents as unknown as readonly RawDocument[]) : null;
}

/** `{"Success":true,"Output":{"Major":15,"Minor":5}}`. */
export function parseVersion(text: string): HnsVersion | null {
  const output = parseObject(text)?.['Output'];
  if (typeof output !== 'object' || output === null) return null;
  const { Major, Minor } = output as Readonly<Record<string, unknown>>;
  return typeof Major === 'number' && typeof Minor === 'number' ? { major: Major, minor: Minor } : null;
}
