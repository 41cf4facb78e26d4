import { canonicalAddress } from '@signalbox/core';

/** Equal for two spellings of one address: HNS spells IPv6 in its own ways. */
export function addressKey(text: string): string {
  return canonicalAddress(text) ?? text;
}
