import { describe, expect, it } from 'vitest';
import { createTransactionReader, type MonitoredTransaction } from './xtables-monitor.ts';

function read(family: 'IPv4' | 'IPv6', text: string): readonly MonitoredTransaction[] {
  const seen: MonitoredTransaction[] = [];
  const reader = createTransactionReader(family, (transaction) => seen.push(transaction));
  text.split('\n').forEach(reader);
  return seen;
}

/** As xtables-monitor 1.8.9 prints them. */
const FLUSHED = ` EVENT: -4 -t nat -D KUBE-X -s 10.0.0.1/32 -j KUBE-Y
 EVENT: -4 -t nat -D KUBE-X -j KUBE-Z
NEWGEN: GENID=6 PID=21992 NAME=iptables-nft
 EVENT: -4 -t nat -X KUBE-X
 EVENT: nft: DEL table: table nat ip flags 0 use 0 handle 1
 EVENT: -6 -t nat -X KUBE-Y
 EVENT: nft: DEL table: table nat ip6 flags 0 use 0 handle 2
NEWGEN: GENID=9 PID=21995 NAME=nft`;

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
    const added = ` EVENT: nft: NEW table: table nat ip flags 0 use 1 handle 1
 EVENT: # nft: ip nat PREROUTING use 1 type nat hook prerouting prio -100 policy accept packets 0 bytes 0 flags 1
 EVENT: -4 -t nat -N KUBE-Z
 EVENT: -4 -t nat -A KUBE-Z -m comment --comment "-4 -t nat -X KUBE-Z" -j KUBE-Y
NEWGEN: GENID=10 PID=7 NAME=nft`;
    expect(read('IPv4', added)).toEqual([{ pid: 7, program: 'nft', removals: [] }]);
  });
});
