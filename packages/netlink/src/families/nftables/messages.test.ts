import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type NetlinkRequest } from '../../codec/message.ts';
import { encodeAsCaptured } from '../../testing/captured.ts';
import { encodeBatch } from './batch.ts';
import { encodeNewChain } from './chain.ts';
import { encodeAddElements, encodeDeleteElements } from './element.ts';
import { encodeFlushChain } from './rule.ts';
import { encodeNewSet, type NftablesSet } from './set.ts';
import { encodeDeleteTable, encodeNewTable } from './table.ts';
import { decodeComment, encodeComment, encodeSetUserdata, type SetUserdata } from './userdata.ts';

const TABLE = { family: 'ip', name: 't' } as const;
const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');
const KEY = bytes('0a600001060000000050000000000000');

const base = { type: 'nat', hook: 'prerouting', priority: -100 } as const;

/** Bytes that were sent to Linux 6.18, which took them. */
const CAPTURED: readonly (readonly [string, NetlinkRequest | undefined, string])[] = [
  ['begin', encodeBatch([]).begin, '140000001000010000000000000000000000000a'],
  [
    'begin with a generation',
    encodeBatch([], 25).begin,
    '1c0000001000010000000000000000000000000a0800010000000019',
  ],
  [
    'table',
    encodeNewTable(TABLE),
    '24000000000a010401000000000000000200000006000100740000000800020000000000',
  ],
  ['delete table', encodeDeleteTable(TABLE), '1c000000020a01000100000000000000020000000600010074000000'],
  [
    'base chain',
    encodeNewChain(TABLE, { name: 'c', base }),
    '48000000030a01040100000000000000020000000600010074000000060003006300000014000480080001000000000008000200ffffff9c0800050000000001080007006e617400',
  ],
  [
    'chain',
    encodeNewChain(TABLE, { name: 'pick/4' }),
    '28000000030a010401000000000000000200000006000100740000000b0003007069636b2f340000',
  ],
  [
    'flush chain',
    encodeFlushChain(TABLE, 'c'),
    '24000000080a010001000000000000000200000006000100740000000600020063000000',
  ],
  [
    'data element',
    encodeAddElements(TABLE, 'endpoints', [{ key: KEY, data: bytes('0a0000011f900000') }])[0],
    '5c0000000c0a010401000000000000000200000006000100740000000e000200656e64706f696e7473000000300003802c00018018000180140001000a600001060000000050000000000000100002800c0001000a0000011f900000',
  ],
  [
    'verdict element',
    encodeAddElements(TABLE, 'service-ips', [
      { key: KEY.subarray(0, 12), data: { kind: 'goto', chain: 'pick/4' } },
    ])[0],
    '640000000c0a0104010000000000000002000000060001007400000010000200736572766963652d69707300380003803400018014000180100001000a60000106000000005000001c0002801800028008000100fffffffc0b0002007069636b2f340000',
  ],
  [
    'delete element',
    encodeDeleteElements(TABLE, 'endpoints', [{ key: KEY }])[0],
    '4c0000000e0a010001000000000000000200000006000100740000000e000200656e64706f696e7473000000200003801c00018018000180140001000a600001060000000050000000000000',
  ],
];

describe('messages of nf_tables', () => {
  it.each(CAPTURED)('%s', (_, request, captured) => {
    expect(request && encodeAsCaptured(request, captured, 'silent')).toBe(captured);
  });

  it('declare a set with the types and lengths of its fields', () => {
    const set: NftablesSet = {
      name: 'service-ips',
      key: ['ipv4_addr', 'inet_proto', 'inet_service'],
      data: 'verdict',
    };
    const hex = Buffer.from(encodeNewSet(TABLE, set, 1).payload).toString('hex');
    expect(hex).toContain('0800030000000008080004000000730d080005000000000c08000600ffffff00');
  });

  it('with elements are divided so that each list fits its attribute, and refusals the receive buffer', () => {
    const elements = Array.from({ length: 5_000 }, () => ({ key: KEY, data: bytes('0a0000011f900000') }));
    const requests = encodeAddElements(TABLE, 'endpoints', elements);
    expect(requests.length).toBeGreaterThan(10);
    for (const { payload } of requests) expect(payload.length).toBeLessThan(16_000);
    expect(encodeAddElements(TABLE, 'endpoints', [])).toEqual([]);
  });

  it('locate the refused element by the offset that the kernel names', () => {
    const [request] = encodeAddElements(TABLE, 'endpoints', [{ key: KEY }, { key: KEY }, { key: KEY }]);
    const locate = request?.context?.locate;
    const first = (request?.payload.length ?? 0) + 16 - 3 * 28;
    expect([0, 28, 56].map((offset) => locate?.(undefined, first + offset))).toEqual([0, 1, 2]);
    expect(locate?.(undefined, 20)).toBeUndefined();
    expect(locate?.(undefined, undefined)).toBeUndefined();
  });

  it('refuse names that the kernel would take for something else', () => {
    for (const name of ['', 'x'.repeat(256), 'a\0b', 'a\nb']) {
      expect(() => encodeNewTable({ family: 'ip', name }), JSON.stringify(name)).toThrow(RangeError);
      expect(() => encodeNewChain(TABLE, { name }), JSON.stringify(name)).toThrow(RangeError);
    }
  });
});

describe('userdata', () => {
  it.each<[string, SetUserdata, string]>([
    [
      'ip cluster-endpoints',
      {
        keyTypeof: ['ip daddr', 'meta l4proto', 'th dport', { numgen: 65_536 }],
        dataTypeof: ['ip daddr', 'th dport'],
        isMap: true,
        byteOrder: 'none',
      },
      '000400000000010400000000036000040d00000001580014000407000000010c00040c00000001040c000000010e00040900000001060004100000000214000407000000010c00040b000000010402000000031a0004170000000112000401000000010400000100020400000000043400040d000000012c0014000407000000010c00040c00000001040c0000000114000407000000010c00040b000000010402000000060400000000',
    ],
    [
      'ip nodeport-endpoints',
      {
        keyTypeof: ['meta l4proto', 'th dport', { numgen: 65_536 }],
        dataTypeof: ['ip daddr', 'th dport'],
        isMap: true,
        byteOrder: 'none',
      },
      '000400000000010400000000034a00040d0000000142000e00040900000001060004100000000114000407000000010c00040b000000010402000000021a0004170000000112000401000000010400000100020400000000043400040d000000012c0014000407000000010c00040c00000001040c0000000114000407000000010c00040b000000010402000000060400000000',
    ],
    [
      'ip source-ranges',
      { keyTypeof: ['ip daddr', 'meta l4proto', 'th dport', 'ip saddr'], isMap: false, byteOrder: 'none' },
      '000400000000035a00040d00000001520014000407000000010c00040c00000001040c000000010e00040900000001060004100000000214000407000000010c00040b0000000104020000000314000407000000010c00040c00000001040b000000',
    ],
    [
      'ip6 cluster-endpoints',
      {
        keyTypeof: ['ip6 daddr', 'meta l4proto', 'th dport', { numgen: 65_536 }],
        dataTypeof: ['ip6 daddr', 'th dport'],
        isMap: true,
        byteOrder: 'none',
      },
      '000400000000010400000000036000040d00000001580014000407000000010c00040d000000010409000000010e00040900000001060004100000000214000407000000010c00040b000000010402000000031a0004170000000112000401000000010400000100020400000000043400040d000000012c0014000407000000010c00040d0000000104090000000114000407000000010c00040b000000010402000000060400000000',
    ],
    [
      'ip6 nodeport-endpoints',
      {
        keyTypeof: ['meta l4proto', 'th dport', { numgen: 65_536 }],
        dataTypeof: ['ip6 daddr', 'th dport'],
        isMap: true,
        byteOrder: 'none',
      },
      '000400000000010400000000034a00040d0000000142000e00040900000001060004100000000114000407000000010c00040b000000010402000000021a0004170000000112000401000000010400000100020400000000043400040d000000012c0014000407000000010c00040d0000000104090000000114000407000000010c00040b000000010402000000060400000000',
    ],
    [
      'ip6 source-ranges',
      { keyTypeof: ['ip6 daddr', 'meta l4proto', 'th dport', 'ip6 saddr'], isMap: false, byteOrder: 'none' },
      '000400000000035a00040d00000001520014000407000000010c00040d000000010409000000010e00040900000001060004100000000214000407000000010c00040b0000000104020000000314000407000000010c00040d000000010408000000',
    ],
  ])('of %s is what nft 1.0.6 writes', (_, userdata, captured) => {
    expect(encodeSetUserdata(userdata).toString('hex')).toBe(captured);
  });

  it('keeps comments, cut at 128 bytes between two characters', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (text) => {
        fc.pre(!text.includes('\0'));
        const read = decodeComment('rule', encodeComment('rule', text)) ?? '';
        expect(text.startsWith(read)).toBe(true);
        expect(Buffer.byteLength(read)).toBeLessThanOrEqual(128);
        if (Buffer.byteLength(text) <= 128) expect(read).toBe(text);
      }),
    );
  });
});
