import { fail, succeed } from '@signalbox/core';
import { type NetlinkResult } from '../result.ts';
import type { Dump } from '../socket/transport.ts';

/** Encoding throws for what no request can carry (text that is no address): here that becomes a value. */
export function encoded<T>(operation: string, encode: () => T): NetlinkResult<T> {
  try {
    return succeed(encode());
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return fail({ code: 'rejected', operation, message });
  }
}

/** For lists that are of no use unless complete. */
export function completeItems<T>(
  operation: string,
  result: NetlinkResult<Dump<T>>,
): NetlinkResult<readonly T[]> {
  if (!result.ok) return result;
  if (result.value.quality === 'consistent') return succeed(result.value.items);
  return fail({ code: 'busy', operation, message: 'the table kept changing while it was listed' });
}

/** The first of some answers that can be read; an error of code `protocol` if none can. */
export function decodedAnswer<M, T>(
  operation: string,
  result: NetlinkResult<readonly M[]>,
  decode: (message: M) => T | undefined,
): NetlinkResult<T> {
  if (!result.ok) return result;
  for (const message of result.value) {
    const value = decode(message);
    if (value !== undefined) return succeed(value);
  }
  return fail({ code: 'protocol', operation, message: 'invalid reply of the kernel' });
}
