import { fail, succeed } from '@signalbox/core';
import {
  encodeEntryChange,
  ENTRIES_PER_MESSAGE,
  formatEntry,
  type IpsetEntry,
  type OnDuplicate,
} from '../families/ipset/entry.ts';
import {
  chooseProtocol,
  decodeProtocol,
  decodeType,
  encodeGetProtocol,
  encodeGetType,
} from '../families/ipset/negotiate.ts';
import {
  assembleSets,
  decodeSetPart,
  encodeCreateSet,
  encodeDestroySet,
  encodeFlushSet,
  encodeListNames,
  encodeListSets,
  encodeTwoSets,
  familyNumber,
  type IpsetDefinition,
  type IpsetState,
} from '../families/ipset/set.ts';
import type { NetlinkRequest } from '../codec/message.ts';
import { mapResult, type NetlinkError, type NetlinkResult } from '../result.ts';
import { type NetlinkOptions, openNetlink } from '../socket/open-netlink.ts';
import type { NetlinkTransport } from '../socket/transport.ts';
import { completeItems, decodedAnswer, encoded } from './guard.ts';
import { keepSuccess, type Kept } from './keep-success.ts';

/** Entries to add to one set, or to delete from it. */
export interface EntryList {
  readonly setName: string;
  readonly entries: readonly IpsetEntry[];
  /** `skip` by default: repeating a change is no error. */
  readonly duplicates?: OnDuplicate;
}

/** The sets of the network namespace this process is in. Nothing throws or rejects. */
export interface IpsetClient {
  /** `unsupported` if kernel and client have no protocol in common, or the kernel has no ipset. */
  protocol(): Promise<NetlinkResult<number>>;
  /** `unsupported` for a type that the kernel lacks; `exists` as `duplicates` sets (`refuse` by default). */
  createSet(definition: IpsetDefinition, duplicates?: OnDuplicate): Promise<NetlinkResult<void>>;
  /** `busy` while a rule refers to it. */
  destroySet(name: string): Promise<NetlinkResult<void>>;
  /** Deletes all entries; the set stays. */
  flushSet(name: string): Promise<NetlinkResult<void>>;
  /** `exists` if there is a set `to`; `busy` while a rule or another set refers to `from`. */
  renameSet(from: string, to: string): Promise<NetlinkResult<void>>;
  /** Exchanges the entries of two sets of one type; rules refer to the same names as before. */
  swapSets(one: string, other: string): Promise<NetlinkResult<void>>;
  /**
   * 700 entries a message. Stops at the first refusal (`IPSET_ERR_HASH_FULL` ...): `error.index` is the
   * entry that was refused, those before it are in the kernel, those after it were not tried.
   */
  addEntries(list: EntryList): Promise<NetlinkResult<void>>;
  /** As `addEntries`. With duplicates `refuse`, an entry that does not exist is `not-found`. */
  deleteEntries(list: EntryList): Promise<NetlinkResult<void>>;
  /** All sets with their entries, or one; `not-found` if there is no such set. */
  listSets(name?: string): Promise<NetlinkResult<readonly IpsetState[]>>;
  /** The names of all sets, without their entries. */
  listNames(): Promise<NetlinkResult<readonly string[]>>;
  /** Closes the socket; pending calls end with `unavailable`. */
  close(): void;
}

/**
 * A client over one nfnetlink socket, which is opened at the first call.
 * `transport` replaces that socket; `options` are not used then.
 */
export function createIpsetClient(
  options: NetlinkOptions = {},
  transport: NetlinkTransport = openNetlink('netfilter', options),
): IpsetClient {
  const protocol = keepSuccess(() => negotiate(transport));
  const session: Session = { transport, revisions: new Map(), protocol };
  const run = (encode: (protocol: number) => NetlinkRequest): Promise<NetlinkResult<void>> =>
    withProtocol(session, async (protocol) => mapResult(await transport.request(encode(protocol)), () => {}));
  return {
    protocol: () => protocol.get(),
    createSet: (definition, duplicates) => createSet(session, definition, duplicates ?? 'refuse'),
    destroySet: (name) => run((protocol) => encodeDestroySet(protocol, name)),
    flushSet: (name) => run((protocol) => encodeFlushSet(protocol, name)),
    renameSet: (from, to) => run((protocol) => encodeTwoSets('RENAME', protocol, { from, to })),
    swapSets: (one, other) => run((protocol) => encodeTwoSets('SWAP', protocol, { from: one, to: other })),
    addEntries: (list) => changeEntries(session, 'ADD', list),
    deleteEntries: (list) => changeEntries(session, 'DEL', list),
    listSets: (name) => listSets(session, name),
    listNames: () => listNames(session),
    close: () => transport.close(),
  };
}

interface Session {
  readonly transport: NetlinkTransport;
  /** Newest revision by type and family; it is constant for a kernel. */
  readonly revisions: Map<string, number>;
  readonly protocol: Kept<number>;
}

async function withProtocol<T>(
  session: Session,
  use: (protocol: number) => Promise<NetlinkResult<T>>,
): Promise<NetlinkResult<T>> {
  const protocol = await session.protocol.get();
  return protocol.ok ? use(protocol.value) : protocol;
}

async function negotiate(transport: NetlinkTransport): Promise<NetlinkResult<number>> {
  const operation = 'IPSET_CMD_PROTOCOL';
  const answer = await transport.request(encodeGetProtocol());
  if (!answer.ok && answer.error.errnoName === 'EINVAL') {
    // nfnetlink's reply for a subsystem that is not registered.
    return fail({
      ...answer.error,
      code: 'unsupported',
      message: 'this kernel has no ipset (module ip_set)',
    });
  }
  const range = decodedAnswer(operation, answer, decodeProtocol);
  if (!range.ok) return range;
  const chosen = chooseProtocol(range.value);
  if (chosen !== undefined) return succeed(chosen);
  const { oldest, newest } = range.value;
  return fail({
    code: 'unsupported',
    operation,
    message: `the kernel supports ipset protocol ${oldest} to ${newest}`,
  });
}

function createSet(
  session: Session,
  definition: IpsetDefinition,
  duplicates: OnDuplicate,
): Promise<NetlinkResult<void>> {
  return withProtocol(session, async (protocol) => {
    const revision = await newestRevision(session, protocol, definition);
    if (!revision.ok) return revision;
    const request = encodeCreateSet({ protocol, revision: revision.value, definition, duplicates });
    return mapResult(await session.transport.request(request), () => {});
  });
}

async function newestRevision(
  session: Session,
  protocol: number,
  definition: IpsetDefinition,
): Promise<NetlinkResult<number>> {
  const family = familyNumber(definition);
  const key = `${definition.type} ${family}`;
  const known = session.revisions.get(key);
  if (known !== undefined) return succeed(known);
  const request = encodeGetType({ protocol, type: definition.type, family });
  const range = decodedAnswer(request.operation, await session.transport.request(request), decodeType);
  if (!range.ok && (range.error.code === 'not-found' || range.error.errnoName === 'EEXIST')) {
    const message = `this kernel has no ipset type ${definition.type}`;
    return fail({ ...range.error, code: 'unsupported', message });
  }
  if (range.ok) session.revisions.set(key, range.value.newest);
  return mapResult(range, ({ newest }) => newest);
}

function changeEntries(
  session: Session,
  command: 'ADD' | 'DEL',
  list: EntryList,
): Promise<NetlinkResult<void>> {
  const { setName, duplicates = 'skip' } = list;
  return withProtocol(session, async (protocol) => {
    for (let from = 0; from < list.entries.length; from += ENTRIES_PER_MESSAGE) {
      const entries = list.entries.slice(from, from + ENTRIES_PER_MESSAGE);
      const request = encoded(`IPSET_CMD_${command}`, () =>
        encodeEntryChange(command, { protocol, setName, entries, duplicates }),
      );
      const result = request.ok ? await session.transport.request(request.value) : request;
      if (!result.ok) return fail(entryError(command, result.error, { list, from }));
    }
    return succeed(undefined);
  });
}

/** Counts the index from the start of the whole list, and names the entry. */
function entryError(
  command: 'ADD' | 'DEL',
  error: NetlinkError,
  { list, from }: { readonly list: EntryList; readonly from: number },
): NetlinkError {
  // One number means both "is there already" and "is not there".
  const code = command === 'DEL' && error.errnoName === 'IPSET_ERR_EXIST' ? 'not-found' : error.code;
  if (error.index === undefined) return { ...error, code };
  const index = from + error.index;
  const entry = list.entries[index];
  const message = entry === undefined ? error.message : `${error.message}: ${formatEntry(entry)}`;
  return { ...error, code, index, message };
}

function listSets(session: Session, name: string | undefined): Promise<NetlinkResult<readonly IpsetState[]>> {
  return withProtocol(session, async (protocol) => {
    const request = encodeListSets(protocol, name);
    const dump = await session.transport.dump(request, decodeSetPart);
    return mapResult(completeItems(request.operation, dump), assembleSets);
  });
}

function listNames(session: Session): Promise<NetlinkResult<readonly string[]>> {
  return withProtocol(session, async (protocol) => {
    const request = encodeListNames(protocol);
    const dump = await session.transport.dump(request, (message) => decodeSetPart(message)?.name);
    return completeItems(request.operation, dump);
  });
}
