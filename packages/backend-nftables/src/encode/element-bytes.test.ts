import * as fc from 'fast-check';
import { FAMILIES, type Family } from '@signalbox/core';
import { addressText, type NftablesElement } from '@signalbox/netlink';
import { describe, expect, it } from 'vitest';
import { setDeclarations } from '../compile/sets.ts';
import type { SetDeclaration } from '../objects/ruleset.ts';
import { createElementEncoder } from './element-bytes.ts';
import { decodeElement } from './element-text.ts';

function encodeElement(set: SetDeclaration, key: string, data: string): NftablesElement {
  return createElementEncoder(set)(key, data);
}

const CAPABILITIES = { concatenatedIntervals: true, elementCounters: true, clientHash: true };

function setsOf(family: Family): readonly SetDeclaration[] {
  return setDeclarations({ family, nodePorts: 'ranges', capabilities: CAPABILITIES });
}

function bytesOf(family: Family): fc.Arbitrary<Buffer> {
  const size = family === 'IPv4' ? 4 : 16;
  // Runs of zeros, too: they have a form of their own in IPv6.
  const byte = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 255 }));
  return fc.array(byte, { minLength: size, maxLength: size }).map((bytes) => Buffer.from(bytes));
}

const port = fc.integer({ min: 0, max: 65_535 }).map(String);
const protocol = fc.constantFrom('tcp', 'udp', 'sctp');

/** A range as nft writes it: without the bits of hosts, a single address without a length. */
function ranges(family: Family): fc.Arbitrary<string> {
  const width = family === 'IPv4' ? 32 : 128;
  return fc.tuple(bytesOf(family), fc.integer({ min: 0, max: width })).map(([bytes, length]) => {
    const masked = bytes.map(
      (byte, index) => byte & (0xff00 >> Math.min(8, Math.max(0, length - index * 8))),
    );
    const address = addressText(Buffer.from(masked)) ?? '';
    return length === width ? address : `${address}/${length}`;
  });
}

function keys(set: SetDeclaration, family: Family): fc.Arbitrary<string> {
  const address = bytesOf(family).map((bytes) => addressText(bytes) ?? '');
  const isInterval = set.flags?.includes('interval') === true;
  const fields = set.key.map((type, index) => {
    if (type === 'inet_proto') return protocol;
    if (type === 'inet_service') return port;
    if (type === 'integer') return fc.integer({ min: 0, max: 65_535 }).map(String);
    return isInterval && index === set.key.length - 1 ? ranges(family) : address;
  });
  return fc.tuple(...fields).map((texts) => texts.join(' . '));
}

function data(set: SetDeclaration, family: Family): fc.Arbitrary<string> {
  if (set.data === undefined) return fc.constant('');
  if (set.data === 'verdict') return fc.constantFrom('drop', 'accept', 'goto pick/4', 'jump a', 'return');
  return fc.tuple(bytesOf(family), port).map(([bytes, text]) => `${addressText(bytes)} . ${text}`);
}

describe.each(FAMILIES)('elements, %s', (family) => {
  it.each(setsOf(family).map((set) => [set.name, set] as const))('of %s come back as they were', (_, set) => {
    fc.assert(
      fc.property(keys(set, family), data(set, family), (key, value) => {
        expect(decodeElement(set, encodeElement(set, key, value))).toEqual({ key, data: value });
      }),
    );
  });

  it.each(setsOf(family).map((set) => [set.name, set] as const))(
    'of %s are encoded one after the other as each would be alone',
    (_, set) => {
      const encode = createElementEncoder(set);
      fc.assert(
        fc.property(keys(set, family), data(set, family), (key, value) => {
          expect(encode(key, value)).toEqual(encodeElement(set, key, value));
        }),
      );
    },
  );

  it('of a range that is no prefix, which another process added, are named by their bytes and can be deleted so', () => {
    const set = setsOf(family).find(({ name }) => name === 'source-ranges');
    if (set === undefined) throw new Error('no source-ranges');
    fc.assert(
      fc.property(keys(set, family), fc.integer({ min: 1, max: 200 }), (key, width) => {
        const element = encodeElement(set, key, '');
        const keyEnd = Buffer.from(element.keyEnd ?? element.key);
        fc.pre((keyEnd.at(-1) ?? 0) + width < 255);
        keyEnd[keyEnd.length - 1] = (keyEnd.at(-1) ?? 0) + width;
        const decoded = decodeElement(set, { ...element, keyEnd });
        const again = encodeElement(set, decoded.key, '');
        expect({ key: Buffer.from(again.key), keyEnd: Buffer.from(again.keyEnd ?? again.key) }).toEqual({
          key: Buffer.from(element.key),
          keyEnd,
        });
      }),
    );
  });
});

describe('bytes of a key', () => {
  const declared = (key: SetDeclaration['key']): SetDeclaration => ({ name: 'any', key });
  it('are padded to words where it has several fields, and not where it has one', () => {
    expect(encodeElement(declared(['inet_service']), '443', '')).toEqual({ key: Buffer.from('01bb', 'hex') });
    expect(encodeElement(declared(['inet_proto', 'inet_service']), 'tcp . 443', '')).toEqual({
      key: Buffer.from('0600000001bb0000', 'hex'),
    });
  });
});

describe('elements of other processes', () => {
  it('with a protocol that no Service has keep its number, so that they can be deleted', () => {
    const set = setsOf('IPv4').find(({ name }) => name === 'service-nodeports') as SetDeclaration;
    const key = Buffer.from('2100000001bb0000', 'hex');
    const decoded = decodeElement(set, { key, data: { kind: 'drop' } });
    expect(decoded).toEqual({ key: '33 . 443', data: 'drop' });
    expect(encodeElement(set, decoded.key, '')).toEqual({ key });
  });
});

describe('text that is no element', () => {
  const [set] = setsOf('IPv4').filter(({ name }) => name === 'service-ips');
  it.each([
    ['10.96.0.1 . tcp', 'drop'],
    ['10.96.0.1 . tcp . 80 . 1', 'drop'],
    ['not-an-address . tcp . 80', 'drop'],
    ['10.96.0.1 . tpc . 80', 'drop'],
    ['10.96.0.256 . tcp . 80', 'drop'],
    ['10.96.0.1 . tcp . 65536', 'drop'],
    ['10.96.0.1 . tcp . ', 'drop'],
    ['10.96.0.1 . tcp . 80', 'to pick/4'],
  ])('is refused: %s : %s', (key, value) => {
    expect(() => encodeElement(set as SetDeclaration, key, value)).toThrow(RangeError);
  });
});
