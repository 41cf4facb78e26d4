import type { Clock } from '@signalbox/core';
import type { LinkAddress } from '../families/route/address.ts';
import { decodeIsLocal, encodeGetRoute } from '../families/route/route-lookup.ts';
import type { NetlinkTransport } from '../socket/transport.ts';
import { decodedAnswer } from './guard.ts';

const POLL_MS = 1;
/** The kernel takes microseconds, or as long as other processes change links and addresses. */
const LONGEST_MS = 1000;

/**
 * Resolves when packets to these addresses are delivered on this host. The kernel adds the local route of an IPv6 address in a work queue, after its
 * answer to RTM_NEWADDR: until then packets to the address leave through the default route. There is no error: an address that has
 * no local route after a second is left to the work queue.
 */
export async function localRoutes(
  transport: Pick<NetlinkTransport, 'request'>,
  addresses: readonly LinkAddress[],
  clock: Pick<Clock, 'elapsed' | 'schedule'>,
): Promise<void> {
  const end = clock.elapsed() + LONGEST_MS;
  let missing = addresses;
  for (;;) {
    const states = await Promise.all(missing.map((each) => isLocal(transport, each)));
    missing = missing.filter((_, at) => states[at] === false);
    if (missing.length === 0 || clock.elapsed() >= end) return;
    await new Promise<void>((resolve) => void clock.schedule(POLL_MS, resolve));
  }
}

/** `null`: the kernel does not answer. */
async function isLocal(
  transport: Pick<NetlinkTransport, 'request'>,
  address: LinkAddress,
): Promise<boolean | null> {
  const answer = await transport.request(encodeGetRoute(address));
  if (!answer.ok)
    return answer.error.code === 'unavailable' || answer.error.code === 'timeout' ? null : false;
  const decoded = decodedAnswer('RTM_GETROUTE', answer, decodeIsLocal);
  return decoded.ok && decoded.value;
}
