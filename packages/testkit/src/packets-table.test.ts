import { describe, expect, it } from 'vitest';
import { formatOutcome, parsePacketsTable } from './packets-table.ts';

describe('packets.table', () => {
  it('reads every column, both families and the flags', () => {
    const rows = parsePacketsTable(
      `# comment
       pod      10.244.1.9    10.96.0.10:80/tcp       forward 10.244.1.5:8080 10.244.2.7:8080*  # tail
       outside  2001:db8::7   [fd00:10:96::a]:53/udp  forward [fd00::5]:53 sticky
       node     192.0.2.10    10.96.0.99:9/sctp       reject`,
      'x.table',
    );
    expect(rows.map((row) => [row.entry, row.packet.inInterface, row.family, row.sticky])).toEqual([
      ['pod', 'cni0', 'IPv4', false],
      ['outside', 'eth0', 'IPv6', true],
      ['node', null, 'IPv4', false],
    ]);
    expect(rows.map((row) => formatOutcome(row.expected))).toEqual([
      'forward 10.244.1.5:8080 10.244.2.7:8080*',
      'forward [fd00::5]:53',
      'reject',
    ]);
  });

  it.each([
    'pod 10.0.0.1 10.0.0.2:80 reject',
    'pod 10.0.0.1 10.0.0.2:80/tcp bounce',
    'pod 1 [::1]:80/tcp forward',
  ])('names file and line of a bad row: %s', (line) => {
    expect(() => parsePacketsTable(`\n${line}`, 'bad.table')).toThrow(/^bad\.table:2: /);
  });
});
