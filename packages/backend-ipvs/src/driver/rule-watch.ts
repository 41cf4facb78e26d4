/** Notices, in the nft variant of iptables, that another process altered the rules of Signalbox. */
import { watchCommits, type IptablesDriver } from '@signalbox/iptables';
import { formatDrift, reportOnce } from '@signalbox/backend-kit';
import type { BackendError, Clock } from '@signalbox/core';
import { backgroundClock } from '@signalbox/core/system-clock';
import type { IpvsDriver } from './ipvs-driver.ts';
import type { PacketFilter } from '../objects/packet-filter.ts';
import { packetFilterDrift } from './packet-filter.ts';

/** Compares the rules in the kernel with the desired packet filter, and with that of the last comparison. */
export interface RuleComparison {
  compare(packetFilter: PacketFilter): ReturnType<IpvsDriver['packetFilterDrift']>;
  /** `null` before the first time. */
  again(): ReturnType<IpvsDriver['packetFilterDrift']> | null;
}

export function createRuleComparison(iptables: IptablesDriver): RuleComparison {
  let last: PacketFilter | null = null;
  return {
    compare(packetFilter) {
      last = packetFilter;
      return packetFilterDrift(iptables, packetFilter);
    },
    again: () => (last === null ? null : packetFilterDrift(iptables, last)),
  };
}

export interface RuleWatchOptions {
  readonly iptables: Pick<IptablesDriver, 'probe' | 'otherCommits'>;
  readonly rules: Pick<RuleComparison, 'again'>;
  readonly onDrift: (what: string) => void;
  readonly onProblem: ((problem: BackendError) => void) | undefined;
  readonly clock?: Pick<Clock, 'schedule'>;
}

/** The answer ends the watch. */
export function watchRules(options: RuleWatchOptions): () => void {
  const { iptables, rules, onDrift, onProblem = () => undefined, clock = backgroundClock } = options;
  const watch = { seen: null as number | null, comparing: false, over: false };
  const report = reportOnce(onProblem);
  const compare = async (total: number): Promise<void> => {
    const comparing = watch.comparing ? null : rules.again();
    if (comparing === null) return;
    watch.comparing = true;
    const found = await comparing;
    watch.comparing = false;
    if (!found.ok) return report(found.error);
    watch.seen = total;
    const [first] = found.value;
    if (first !== undefined && !watch.over) onDrift(formatDrift(first));
  };
  const stop = watchCommits({
    driver: iptables,
    clock,
    isActive: () => true,
    onCommits: (total) => void (total === watch.seen ? null : compare(total)),
    onProblem: report,
  });
  return () => {
    watch.over = true;
    stop();
  };
}
