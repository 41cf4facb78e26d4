import { describe, expect, it } from 'vitest';
import { decodeMessages, type NetlinkRequest } from '../../codec/message.ts';
import { encodeAsCaptured } from '../../testing/captured.ts';
import { encodeBatch } from './batch.ts';
import { decodeTable, encodeDeleteTable, encodeListTables } from './table.ts';

// Bytes that nft 1.0.6 and Linux exchanged.
const KUBE_PROXY = '6b7562652d70726f787900';
const { begin, requests, end } = encodeBatch([encodeDeleteTable({ family: 'ip', name: 'kube-proxy' })]);

describe('requests', () => {
  it.each<[string, NetlinkRequest | undefined, string]>([
    ['begins a batch', begin, '140000001000010000000000000000000000000a'],
    ['deletes a table', requests[0], `24000000020a01000100000000000000020000000f000100${KUBE_PROXY}00`],
    ['ends a batch', end, '140000001100010002000000000000000000000a'],
  ])('nft delete table ip kube-proxy: %s', (_what, request, captured) => {
    expect(request && encodeAsCaptured(request, captured, 'silent')).toBe(captured);
  });

  it('nft list tables', () => {
    const captured = '14000000010a0103000000000000000000000000';
    expect(encodeAsCaptured(encodeListTables(), captured, 'dump')).toBe(captured);
  });

  it.each(['', 'x'.repeat(256), 'kube\0proxy'])('refuse the name %j', (name) => {
    expect(() => encodeDeleteTable({ family: 'ip', name })).toThrow(RangeError);
  });
});

describe('answers', () => {
  const listed = (family: string, type = '000a', flags = '00'): string =>
    `40000000${type}02000000000012570000${family}0000030f000100${KUBE_PROXY}00` +
    '08000300000000010c000400000000000000000108000200' +
    `000000${flags}`;
  const read = (hex: string): unknown => decodeMessages(Buffer.from(hex, 'hex')).map(decodeTable);

  it('name the table and its family', () => {
    expect(read(listed('02'))).toEqual([{ family: 'ip', name: 'kube-proxy' }]);
    expect(read(listed('0a'))).toEqual([{ family: 'ip6', name: 'kube-proxy' }]);
  });

  it('show that a table is dormant', () => {
    expect(read(listed('02', '000a', '01'))).toEqual([{ family: 'ip', name: 'kube-proxy', dormant: true }]);
  });

  it('of another kind, or of a family without a name here, are no tables', () => {
    expect(read(listed('02', '030a'))).toEqual([undefined]);
    expect(read(listed('63'))).toEqual([undefined]);
  });
});
