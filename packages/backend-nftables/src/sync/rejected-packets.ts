/** Packets to node ports at loopback addresses that the rules have rejected, by protocol. Reads only. */
import type { DesiredObjects } from '../diff/desired-objects.ts';
import type { NftablesDriver } from '../driver/nftables-driver.ts';
import { SET } from '../objects/ruleset.ts';
import type { BackendState } from './backend-state.ts';

/** Totals by protocol: `TCP`, `UDP`, `SCTP`. */
export type RejectedPackets = ReadonlyMap<string, number>;

/** Total since the start: elements and their counters go with their Services. */
export function createRejectionCounter(driver: NftablesDriver, state: BackendState) {
  const last = new Map<string, number>();
  const totals = new Map<string, number>();
  return async (): Promise<RejectedPackets> => {
    const sets = countingSets(state.desired);
    const counted = await driver.readCounters(sets, () => true);
    if (!counted.ok) return totals;
    const now = new Map(counted.value.map(({ key, packets }) => [key, packets ?? 0]));
    for (const [key, packets] of now) {
      const protocol = (key.split(' ')[0] ?? '').toUpperCase();
      const before = last.get(key) ?? 0;
      // Less than before: the element is a new one.
      const more = packets >= before ? packets - before : packets;
      totals.set(protocol, (totals.get(protocol) ?? 0) + more);
    }
    last.clear();
    for (const [key, packets] of now) last.set(key, packets);
    return totals;
  };
}

function countingSets(desired: DesiredObjects | null) {
  const sets = desired?.staticSets() ?? [];
  return sets.filter(({ name, counter }) => name === SET.loopbackNodePorts && counter === true);
}
