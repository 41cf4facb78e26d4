import { describe, expect, it } from 'vitest';
import { PayloadWriter } from '../../codec/writer.ts';
import { readExpression, writeExpression } from './expression-codec.ts';
import type { Expression } from './expression.ts';

const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');

/** Bytes that nft 1.0.6 sends for the expression, as an element of a list. */
const CAPTURED: readonly (readonly [Expression, string])[] = [
  [
    { name: 'payload', dreg: 1, base: 'network', offset: 16, length: 4 },
    '340001800c0001007061796c6f616400240002800800010000000001080002000000000108000300000000100800040000000004',
  ],
  [
    { name: 'payload', dreg: 1, base: 'network', offset: 12, length: 4 },
    '340001800c0001007061796c6f6164002400028008000100000000010800020000000001080003000000000c0800040000000004',
  ],
  [
    { name: 'payload', dreg: 10, base: 'transport', offset: 2, length: 2 },
    '340001800c0001007061796c6f61640024000280080001000000000a080002000000000208000300000000020800040000000002',
  ],
  [
    { name: 'meta', key: 'l4proto', dreg: 9 },
    '24000180090001006d657461000000001400028008000100000000090800020000000010',
  ],
  [
    { name: 'meta', key: 'mark', dreg: 1 },
    '24000180090001006d657461000000001400028008000100000000010800020000000003',
  ],
  [
    { name: 'meta', key: 'mark', sreg: 1 },
    '24000180090001006d657461000000001400028008000200000000030800030000000001',
  ],
  [
    { name: 'lookup', set: 'endpoints', sreg: 1, dreg: 1 },
    '340001800b0001006c6f6f6b75700000240002800e000100656e64706f696e747300000008000200000000010800030000000001',
  ],
  [
    { name: 'lookup', set: 'service-ips', sreg: 1, dreg: 0 },
    '340001800b0001006c6f6f6b757000002400028010000100736572766963652d6970730008000200000000010800030000000000',
  ],
  [
    { name: 'lookup', set: 'source-ranges', sreg: 1, inverted: true },
    '380001800b0001006c6f6f6b757000002800028012000100736f757263652d72616e67657300000008000200000000010800050000000001',
  ],
  [
    { name: 'nat', type: 'dnat', family: 'ip', address: 1, port: 9 },
    '30000180080001006e617400240002800800010000000001080002000000000208000300000000010800050000000009',
  ],
  [{ name: 'masq', fullyRandom: true }, '1c000180090001006d617371000000000c0002800800010000000010'],
  [
    { name: 'reject', type: 'icmp', code: 3 },
    '240001800b00010072656a65637400001400028008000100000000000500020003000000',
  ],
  [
    { name: 'immediate', dreg: 0, data: { kind: 'goto', chain: 'pick/4' } },
    '3c0001800e000100696d6d6564696174650000002800028008000100000000001c0002801800028008000100fffffffc0b0002007069636b2f340000',
  ],
  [
    { name: 'immediate', dreg: 0, data: { kind: 'drop' } },
    '300001800e000100696d6d6564696174650000001c0002800800010000000000100002800c0002800800010000000000',
  ],
  [
    { name: 'immediate', dreg: 0, data: { kind: 'jump', chain: 'services' } },
    '400001800e000100696d6d6564696174650000002c0002800800010000000000200002801c00028008000100fffffffd0d000200736572766963657300000000',
  ],
  [
    { name: 'cmp', sreg: 1, operator: 'neq', data: bytes('0af4') },
    '2c00018008000100636d700020000280080001000000000108000200000000010c000380060001000af40000',
  ],
  [
    { name: 'bitwise', sreg: 1, dreg: 1, length: 4, mask: bytes('ffbfffff'), xor: bytes('00400000') },
    '440001800c0001006269747769736500340002800800010000000001080002000000000108000300000000040c00048008000100ffbfffff0c0005800800010000400000',
  ],
  [{ name: 'ct', key: 'state', dreg: 1 }, '2000018007000100637400001400028008000100000000010800020000000000'],
  [
    { name: 'ct', key: 'status', dreg: 1 },
    '2000018007000100637400001400028008000100000000010800020000000002',
  ],
  [
    { name: 'fib', dreg: 1, result: 'type', of: 'daddr' },
    '2800018008000100666962001c000280080001000000000108000200000000030800030000000002',
  ],
  [
    { name: 'fib', dreg: 1, result: 'type', of: 'saddr' },
    '2800018008000100666962001c000280080001000000000108000200000000030800030000000001',
  ],
  [
    { name: 'dynset', set: 'aff', operation: 'update', key: 1 },
    '2c0001800b00010064796e73657400001c000280080001006166660008000300000000010800040000000001',
  ],
  [{ name: 'counter' }, '140001800c000100636f756e7465720004000280'],
];

function written(expression: Expression): string {
  const writer = new PayloadWriter();
  writeExpression(writer, 1, expression);
  return writer.finish().toString('hex');
}

describe('expressions', () => {
  it.each(CAPTURED)('are written as nft writes them: %o', (expression, hex) => {
    expect(written(expression)).toBe(hex);
  });

  it.each(CAPTURED)('are read in the form in which they are written: %o', (expression, hex) => {
    expect(readExpression(bytes(hex).subarray(4))).toEqual(expression);
  });

  it('are read without the zeros that the kernel lists for what was left out', () => {
    const numgen =
      '340001800b0001006e756d67656e000024000280080001000000000b080002000000000a08000300000000010800040000000000';
    expect(readExpression(bytes(numgen).subarray(4))).toEqual({
      name: 'numgen',
      dreg: 11,
      modulus: 10,
      type: 'random',
    });
    const hash =
      '4400018009000100686173680000000034000280080001000000000c080002000000000b080003000000000408000400000000fb08000500000012340800060000000000';
    expect(readExpression(bytes(hash).subarray(4))).toMatchObject({
      name: 'hash',
      modulus: 251,
      seed: 0x1234,
    });
  });

  it('of another program are named, and not written', () => {
    const quota = new PayloadWriter().nested(1, (writer) => writer.text(1, 'quota'));
    const read = readExpression(quota.finish().subarray(4));
    expect(read).toEqual({ name: 'unknown', kernelName: 'quota' });
    expect(() => written(read)).toThrow(RangeError);
  });
});
