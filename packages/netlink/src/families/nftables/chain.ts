import { NLM_F_CREATE } from '../../codec/constants.ts';
import type { NetlinkMessage, NetlinkRequest } from '../../codec/message.ts';
import { type Attributes, readAttributes, readText, readU32BE, readU64BE } from '../../codec/reader.ts';
import { netfilterAttributes } from '../nfnetlink.ts';
import { HOOK, NFTA_CHAIN, NFTA_HOOK, type NftablesHook, VERDICT } from './constants.ts';
import { checkName, familyOfMessage, isMessage, nftRequest } from './message.ts';
import type { NftablesTable } from './table.ts';

/** How a base chain hangs in the kernel's packet path. */
export interface BaseChain {
  readonly type: 'filter' | 'nat' | 'route';
  readonly hook: NftablesHook;
  /** Chains of a hook run in ascending order of it. */
  readonly priority: number;
  /** What happens to a packet at the end of the chain; absent: it is accepted. */
  readonly policy?: 'drop';
}

/** A chain to create. */
export interface NftablesChain {
  readonly name: string;
  /** Absent: a regular chain, which packets reach by a jump only. */
  readonly base?: BaseChain;
}

/** A chain as the kernel lists it. */
export interface NftablesChainState extends NftablesChain {
  readonly table: NftablesTable;
  /** Identifies it as long as it exists: a chain deleted and made again has another one. */
  readonly handle: number;
}

/** Within a batch. A chain that exists stays; a base chain with another hook or priority is an error. */
export function encodeNewChain(table: NftablesTable, chain: NftablesChain): NetlinkRequest {
  const { name, base } = chain;
  return nftRequest({ ...shapeOf('NEWCHAIN', table, name), flags: NLM_F_CREATE }, (writer) => {
    writer.text(NFTA_CHAIN.TABLE, table.name).text(NFTA_CHAIN.NAME, checkName('chain', name));
    if (base === undefined) return;
    writer.nested(NFTA_CHAIN.HOOK, () =>
      writer.u32BE(NFTA_HOOK.NUMBER, HOOK[base.hook]).u32BE(NFTA_HOOK.PRIORITY, base.priority),
    );
    writer.u32BE(NFTA_CHAIN.POLICY, VERDICT[base.policy ?? 'accept']).text(NFTA_CHAIN.TYPE, base.type);
  });
}

/** Within a batch: a chain without rules that no verdict names, or the batch fails with EBUSY. */
export function encodeDeleteChain(table: NftablesTable, name: string): NetlinkRequest {
  return nftRequest(shapeOf('DELCHAIN', table, name), (writer) =>
    writer.text(NFTA_CHAIN.TABLE, table.name).text(NFTA_CHAIN.NAME, checkName('chain', name)),
  );
}

/** Chains of all tables of the family. */
export function encodeListChains({ family }: NftablesTable): NetlinkRequest {
  return nftRequest({ command: 'GETCHAIN', family }, () => {});
}

export function decodeChain(message: NetlinkMessage): NftablesChainState | undefined {
  const family = familyOfMessage(message);
  if (!isMessage(message, 'NEWCHAIN') || family === undefined) return undefined;
  const attributes = readAttributes(netfilterAttributes(message));
  const table = readText(attributes, NFTA_CHAIN.TABLE);
  const name = readText(attributes, NFTA_CHAIN.NAME);
  if (table === undefined || name === undefined) return undefined;
  const base = readBase(attributes);
  const handle = readU64BE(attributes, NFTA_CHAIN.HANDLE) ?? 0;
  return { table: { family, name: table }, name, handle, ...(base === undefined ? {} : { base }) };
}

const HOOKS = Object.keys(HOOK) as readonly NftablesHook[];

function readBase(attributes: Attributes): BaseChain | undefined {
  const nested = attributes.get(NFTA_CHAIN.HOOK);
  if (nested === undefined) return undefined;
  const hookAttributes = readAttributes(nested);
  const hook = HOOKS[readU32BE(hookAttributes, NFTA_HOOK.NUMBER) ?? -1];
  const type = readText(attributes, NFTA_CHAIN.TYPE) as BaseChain['type'] | undefined;
  if (hook === undefined || type === undefined) return undefined;
  const isDrop = readU32BE(attributes, NFTA_CHAIN.POLICY) === VERDICT.drop;
  return {
    type,
    hook,
    priority: (readU32BE(hookAttributes, NFTA_HOOK.PRIORITY) ?? 0) | 0,
    ...(isDrop ? { policy: 'drop' } : {}),
  };
}

function shapeOf<C extends 'NEWCHAIN' | 'DELCHAIN'>(command: C, table: NftablesTable, name: string) {
  return { command, family: table.family, subject: `chain ${table.family} ${table.name} ${name}` };
}
