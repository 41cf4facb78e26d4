export {
  type BaseChain,
  encodeDeleteChain,
  encodeNewChain,
  type NftablesChain,
  type NftablesChainState,
} from './chain.ts';
export type { DataType, NftablesFamily, NftablesHook, SetFlag } from './constants.ts';
export {
  encodeAddElements,
  encodeDeleteElements,
  encodeFlushSet,
  type NftablesElement,
  type NftablesElementState,
} from './element.ts';
export {
  ADDRESS_OFFSET,
  ADDRESS_TYPE_LOCAL,
  CT_STATE,
  CT_STATUS_DNAT,
  type Expression,
  type MetaKey,
} from './expression.ts';
export {
  encodeAppendRule,
  encodeFlushChain,
  type NftablesRule,
  type NftablesRuleIdentity,
  type NftablesRuleState,
} from './rule.ts';
export {
  encodeDeleteSet,
  encodeNewSet,
  expectedState,
  type NftablesSet,
  type NftablesSetForm,
  type NftablesSetState,
} from './set.ts';
export { encodeDeleteTable, encodeNewTable, type NftablesTable, type NftablesTableState } from './table.ts';
export type { TypeofField } from './userdata.ts';
export { type Data, isVerdict, type Verdict } from './verdict.ts';
