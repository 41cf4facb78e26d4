import { canonicalAddress } from '@signalbox/core';

/** Equal for two spellings of one address: HNS has several spellings of IPv6 addresses. */
export function addressKey(text: string): string {
  return canonicalAddress(text) ?? text;
}
