import { expectedState, type NftablesSetForm } from '@signalbox/netlink';
import type { ObservedSet } from '../objects/observed.ts';
import type { SetDeclaration } from '../objects/ruleset.ts';

/** Text that is equal for equal declarations: what the kernel compares when a set is added that exists. */
export function setSignature(set: SetDeclaration): string {
  return observedSet(expectedState(set)).signature;
}

export function observedSet(form: NftablesSetForm): ObservedSet {
  const { flags, keyType, keyLength, dataType, dataLength, timeout, hasCounter } = form;
  const signature = [flags, keyType, keyLength, dataType, dataLength, timeout, hasCounter].join(' ');
  return { signature, typeof: form.typeof };
}

/**
 * Whether the set is as declared. The form of the listing counts where this backend declares one: nft cannot load a listing of
 * slot numbers without. Other sets are kube-proxy's as well, and stay as kube-proxy wrote them.
 */
export function isDeclared(set: SetDeclaration, held: ObservedSet): boolean {
  const desired = observedSet(expectedState(set));
  return held.signature === desired.signature && (set.typeof === undefined || held.typeof === desired.typeof);
}
