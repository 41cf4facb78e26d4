import { describe, expect, it } from 'vitest';
import { createTransactionReader, type MonitoredTransaction } from './nft-monitor.ts';

function read(family: 'IPv4' | 'IPv6', text: string): readonly MonitoredTransaction[] {
  const seen: MonitoredTransaction[] = [];
  const reader = createTransactionReader(family, (transaction) => seen.push(transaction));
  text.split('\n').forEach(reader);
  return seen;
}

/** As `nft monitor` 1.0.6 prints them. */
const FLUSHED = `delete rule ip nat KUBE-X handle 2
delete rule ip nat KUBE-X handle 3
# new generation 6 by process 21992 (iptables-nft)
delete chain ip nat KUBE-X
delete table ip nat
delete chain ip6 nat KUBE-Y
delete table ip6 nat
# new generation 9 by process 21995 (nft)`;

describe('createTransactionReader', () => {
  it('says what each transaction took away, and whose it was', () => {
    expect(read('IPv4', FLUSHED)).toEqual([
      { pid: 21992, program: 'iptables-nft', removals: [{ table: 'nat', chain: 'KUBE-X' }] },
      {
        pid: 21995,
        program: 'nft',
        removals: [
          { table: 'nat', chain: 'KUBE-X' },
          { table: 'nat', chain: null },
        ],
      },
    ]);
  });

  it('keeps the families apart', () => {
    expect(read('IPv6', FLUSHED).map(({ removals }) => removals)).toEqual([
      [],
      [
        { table: 'nat', chain: 'KUBE-Y' },
        { table: 'nat', chain: null },
      ],
    ]);
  });

  it('does not count what is added, nor what it cannot read', () => {
    const added = `add chain ip nat KUBE-Z
add rule ip nat KUBE-Z counter packets 0 bytes 0 xt match "comment" jump KUBE-Y
# ERROR: We lost some netlink events!
# new generation 10 by process 7 (nft)`;
    expect(read('IPv4', added)).toEqual([{ pid: 7, program: 'nft', removals: [] }]);
  });
});
