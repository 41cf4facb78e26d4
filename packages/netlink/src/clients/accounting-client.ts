import { fail, succeed } from '@signalbox/core';
import {
  type AccountingObject,
  decodeObject,
  encodeDeleteObject,
  encodeNewObject,
  encodeReadObject,
} from '../families/accounting/object.ts';
import type { NetlinkRequest } from '../codec/message.ts';
import { type NetlinkResult } from '../result.ts';
import { type NetlinkOptions, openNetlink } from '../socket/open-netlink.ts';
import type { NetlinkTransport, Outcomes } from '../socket/transport.ts';
import { decodedAnswer, encoded } from './guard.ts';

/** Result of `delete`: names of objects. A name without an object is in neither list. */
export interface AccountingDeletions {
  readonly deleted: readonly string[];
  /** Rules still count in them: they stay. */
  readonly inUse: readonly string[];
}

/**
 * Accounting objects of the network namespace this process is in. Nothing throws or rejects; a kernel without
 * nfnetlink_acct answers `unsupported`. Names have 1 to 31 bytes.
 */
export interface AccountingClient {
  /** Makes those that are not there; the others keep their counts. */
  ensure(names: readonly string[]): Promise<NetlinkResult<null>>;
  /** Those that are there, in the order asked. `reset`: they count from zero afterwards. */
  read(
    names: readonly string[],
    then?: 'keep' | 'reset',
  ): Promise<NetlinkResult<readonly AccountingObject[]>>;
  /** Those that no rule refers to. Names of nothing are no error. */
  delete(names: readonly string[]): Promise<NetlinkResult<AccountingDeletions>>;
  /** Closes the socket; pending calls end with `unavailable`. */
  close(): void;
}

/**
 * A client over one nfnetlink socket, which is opened at the first call.
 * `transport` replaces that socket; `options` are not used then.
 */
export function createAccountingClient(
  options: NetlinkOptions = {},
  transport: NetlinkTransport = openNetlink('netfilter', options),
): AccountingClient {
  return {
    ensure: (names) => ensureObjects(transport, names),
    read: (names, then = 'keep') => readObjects(transport, names, then),
    delete: (names) => deleteObjects(transport, names),
    close: () => transport.close(),
  };
}

const OPERATION = 'nfnetlink_acct';

async function ensureObjects(
  transport: NetlinkTransport,
  names: readonly string[],
): Promise<NetlinkResult<null>> {
  const outcomes = await sendAll(transport, names, encodeNewObject);
  if (!outcomes.ok) return outcomes;
  const refused = outcomes.value.find((error) => error !== undefined && error.code !== 'exists');
  return refused === undefined ? succeed(null) : fail(refused);
}

async function readObjects(
  transport: NetlinkTransport,
  names: readonly string[],
  then: 'keep' | 'reset',
): Promise<NetlinkResult<readonly AccountingObject[]>> {
  const objects: AccountingObject[] = [];
  for (const name of names) {
    const request = encoded(OPERATION, () => encodeReadObject(name, then));
    const answer = request.ok ? await transport.request(request.value) : request;
    const object = decodedAnswer(OPERATION, answer, decodeObject);
    if (object.ok) objects.push(object.value);
    else if (object.error.code !== 'not-found') return object;
  }
  return succeed(objects);
}

async function deleteObjects(
  transport: NetlinkTransport,
  names: readonly string[],
): Promise<NetlinkResult<AccountingDeletions>> {
  const outcomes = await sendAll(transport, names, encodeDeleteObject);
  if (!outcomes.ok) return outcomes;
  const refused = outcomes.value.find(
    (error) => error !== undefined && error.code !== 'busy' && error.code !== 'not-found',
  );
  if (refused !== undefined) return fail(refused);
  const withOutcome = (code: 'busy' | undefined): readonly string[] =>
    names.filter((_, index) => outcomes.value[index]?.code === code);
  return succeed({ deleted: withOutcome(undefined), inUse: withOutcome('busy') });
}

async function sendAll(
  transport: NetlinkTransport,
  names: readonly string[],
  encode: (name: string) => NetlinkRequest,
): Promise<NetlinkResult<Outcomes>> {
  const requests = encoded(OPERATION, () => names.map(encode));
  return requests.ok ? transport.requestAll(requests.value) : requests;
}
