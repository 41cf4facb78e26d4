/** Clients with session affinity in the lists of `-m recent`, read and written from outside of the rules. */
import {
  affinityEndpoints,
  type AffinityClient,
  type AffinityEndpoint,
  latestOfEach,
} from '@signalbox/backend-kit';
import { type BackendError, type DesiredServicePort, fail, type Result, succeed } from '@signalbox/core';
import { createRecentLists, type RecentEntry, type RecentLists } from '@signalbox/iptables';
import { endpointChain } from '../compile/names.ts';

/** The lists of `-m recent`, and the clock that their timestamps count from. */
export interface AffinityLists {
  readonly lists: RecentLists;
  /** Seconds since the kernel started. */
  readonly uptime: () => number;
}

interface ClientList extends AffinityEndpoint {
  readonly name: string;
  readonly entries: readonly RecentEntry[];
}

/** Of Signalbox, or of kube-proxy in iptables mode. The latest client counts as seen now: see `askTicks`. */
export async function readAffinityClients(
  services: Iterable<DesiredServicePort>,
  { lists, uptime }: AffinityLists,
): Promise<Result<readonly AffinityClient[]>> {
  const read = await readLists(services, lists);
  if (!read.ok) return read;
  const all = read.value.flatMap((list) => list.entries.map((entry) => ({ ...list, ...entry })));
  all.sort((a, b) => b.lastSeen - a.lastSeen);
  const ticks = await askTicks(all[0], { lists, uptime });
  return succeed(latestOfEach(all.flatMap((entry) => clientOf(entry, ticks))));
}

async function readLists(
  services: Iterable<DesiredServicePort>,
  lists: RecentLists,
): Promise<Result<readonly ClientList[]>> {
  const names = await lists.names();
  if (!names.ok) return names;
  const existing = new Set(names.value);
  const found: ClientList[] = [];
  for (const at of existing.size === 0 ? [] : affinityEndpoints(services)) {
    const name = endpointChain(at.servicePort.name, at.endpoint);
    if (!existing.has(name)) continue;
    const entries = await lists.read(name);
    if (!entries.ok) return fail(entries.error);
    found.push({ ...at, name, entries: entries.value });
  }
  return succeed(found);
}

type ListedClient = ClientList & RecentEntry;

/** Entries that have expired may still be in the list: the kernel removes them when it looks for others. */
function clientOf(
  { servicePort, endpoint, timeout, address, lastSeen }: ListedClient,
  { now, perSecond }: Ticks,
): readonly AffinityClient[] {
  const remaining = Math.round(timeout - Math.max(0, ((now - lastSeen) / perSecond) * 1000));
  return remaining <= 0 ? [] : [{ servicePort: servicePort.name, endpoint, client: address, remaining }];
}

interface Ticks {
  readonly now: number;
  readonly perSecond: number;
}

/** CONFIG_HZ. */
const RATES = [100, 250, 300, 1000];
/** The ticks of a 64-bit kernel start here, less five minutes. */
const START = 2 ** 32;
const EARLY = 300;

/**
 * The kernel prints neither its present ticks nor their rate where every process can read them. The latest client is recorded
 * once more, which shows the present ticks; their number since the start gives the rate. Where that fails, every client
 * counts as seen a moment ago.
 */
async function askTicks(latest: ListedClient | undefined, { lists, uptime }: AffinityLists): Promise<Ticks> {
  if (latest === undefined || (await lists.touch(latest.name, latest.address)) !== null) return UNKNOWN;
  const again = await lists.read(latest.name);
  const now = again.ok ? again.value.find(({ address }) => address === latest.address)?.lastSeen : undefined;
  const seconds = uptime() - EARLY;
  const perSecond = RATES.find((rate) => Math.abs(((now ?? 0) - START) / seconds / rate - 1) < 0.05);
  return now === undefined || perSecond === undefined ? UNKNOWN : { now, perSecond };
}

/** Each age is 0. */
const UNKNOWN: Ticks = { now: -Infinity, perSecond: 1 };

/** Their time begins anew: the kernel takes no other. A list keeps the latest 100 clients (`ip_list_tot`), which come last. */
export async function writeAffinityClients(
  clients: readonly AffinityClient[],
  lists: RecentLists = createRecentLists(),
): Promise<BackendError | null> {
  const names = await lists.names();
  if (!names.ok) return names.error;
  const existing = new Set(names.value);
  for (const { servicePort, endpoint, client } of [...clients].sort((a, b) => a.remaining - b.remaining)) {
    const name = endpointChain(servicePort, endpoint);
    const error = existing.has(name) ? await lists.touch(name, client) : null;
    if (error !== null) return error;
  }
  return null;
}
