import type { Clock } from '@signalbox/core';
import { addressBytes, addressText } from '../codec/address.ts';
import type { LinkAddress } from '../families/route/address.ts';
import { decodeLocalRoute, encodeGetRoute, encodeListRoutes } from '../families/route/route-lookup.ts';
import { mapResult, type NetlinkResult } from '../result.ts';
import type { NetlinkTransport } from '../socket/transport.ts';

const POLL_MS = 1;
/** The kernel takes microseconds, or as long as other processes change links and addresses. */
const LONGEST_MS = 1000;
/** A question takes half a millisecond; a listing of thousands of routes takes as long as some tens of them. */
const MOST_QUESTIONS = 16;

type Transport = Pick<NetlinkTransport, 'request' | 'dump'>;

/**
 * Resolves when packets to these addresses are delivered on this host. The kernel adds the local route of an IPv6 address in a
 * work queue, after its answer to RTM_NEWADDR: until then packets to the address leave through the default route. There is no
 * error: an address that has no local route after a second is left to the work queue.
 */
export async function localRoutes(
  transport: Transport,
  addresses: readonly LinkAddress[],
  clock: Pick<Clock, 'elapsed' | 'schedule'>,
): Promise<void> {
  const end = clock.elapsed() + LONGEST_MS;
  let missing = addresses;
  while (missing.length > 0) {
    const found = missing.length > MOST_QUESTIONS ? await list(transport) : await ask(transport, missing);
    if (!found.ok) return;
    missing = missing.filter(({ address }) => !found.value.has(canonical(address)));
    if (missing.length === 0 || clock.elapsed() >= end) return;
    await new Promise<void>((resolve) => void clock.schedule(POLL_MS, resolve));
  }
}

function canonical(address: string): string {
  return addressText(addressBytes(address)) ?? address;
}

type Local = NetlinkResult<ReadonlySet<string>>;

async function list(transport: Transport): Promise<Local> {
  const listed = await transport.dump(encodeListRoutes('IPv6'), decodeLocalRoute);
  return mapResult(listed, ({ items }) => new Set(items));
}

/** Of these addresses. An error only if the kernel does not answer: "no route" is an answer. */
async function ask(transport: Transport, addresses: readonly LinkAddress[]): Promise<Local> {
  const local = new Set<string>();
  for (const answer of await Promise.all(addresses.map((each) => transport.request(encodeGetRoute(each))))) {
    if (!answer.ok && (answer.error.code === 'unavailable' || answer.error.code === 'timeout')) return answer;
    for (const message of answer.ok ? answer.value : []) {
      const address = decodeLocalRoute(message);
      if (address !== undefined) local.add(address);
    }
  }
  return { ok: true, value: local };
}
