import { expectedState, type NftablesSetState } from '@signalbox/netlink';
import type { SetDeclaration } from '../objects/ruleset.ts';

/** Text that is equal for equal declarations: what the kernel compares when a set is added that exists. */
export function setSignature(set: SetDeclaration): string {
  return stateSignature(expectedState(set));
}

export function stateSignature(state: Omit<NftablesSetState, 'table' | 'count' | 'comment'>): string {
  const { flags, keyType, keyLength, dataType, dataLength, timeout, hasCounter } = state;
  return [flags, keyType, keyLength, dataType, dataLength, timeout, hasCounter].join(' ');
}
