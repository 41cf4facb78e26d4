import { describe, expect, it } from 'vitest';
import { decodeMessages, type NetlinkRequest } from '../../codec/message.ts';
import { encodeAsCaptured } from '../../testing/captured.ts';
import { decodeObject, encodeDeleteObject, encodeNewObject, encodeReadObject } from './object.ts';

// Bytes that nfacct 1.0.2 and Linux 6.18 exchanged; the command stands above them.
const NAME = 'ct_state_invalid_dropped_pkts';

describe('requests', () => {
  // nfacct add ct_state_invalid_dropped_pkts
  const add =
    '5000000000070504985f016b00000000000000002200010063745f73746174655f696e76616c69645f64726f70706564' +
    '5f706b74730000000c00020000000000000000000c0003000000000000000000';

  it('F162: creates an object as nfacct does, but requires that it is new', () => {
    const encoded = encodeAsCaptured(encodeNewObject(NAME), add, 'acknowledge');
    // NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE, and here NLM_F_EXCL.
    expect([add.slice(12, 16), encoded.slice(12, 16)]).toEqual(['0504', '0506']);
    expect(encoded.replace(/^(.{12})0506/, '$10504')).toBe(add);
  });

  it.each<[string, NetlinkRequest, string]>([
    [
      'nfacct get ct_state_invalid_dropped_pkts',
      encodeReadObject(NAME, 'keep'),
      '38000000010705009b5f016b00000000000000002200010063745f73746174655f696e76616c69645f64726f70706564' +
        '5f706b7473000000',
    ],
    [
      'nfacct get ct_state_invalid_dropped_pkts reset',
      encodeReadObject(NAME, 'reset'),
      '38000000020705009b5f016b00000000000000002200010063745f73746174655f696e76616c69645f64726f70706564' +
        '5f706b7473000000',
    ],
    [
      'nfacct delete ct_state_invalid_dropped_pkts',
      encodeDeleteObject(NAME),
      '38000000030705009c5f016b00000000000000002200010063745f73746174655f696e76616c69645f64726f70706564' +
        '5f706b7473000000',
    ],
  ])('%s', (_command, request, captured) => {
    expect(encodeAsCaptured(request, captured, 'acknowledge')).toBe(captured);
  });

  it.each(['', 'x'.repeat(32), 'ü'.repeat(16)])('refuses the name "%s"', (name) => {
    for (const encode of [encodeNewObject, encodeDeleteObject]) {
      expect(() => encode(name)).toThrow('a name has 1 to 31 bytes');
    }
  });

  it('takes a name as long as there is room for', () => {
    const name = 'x'.repeat(31);
    const payload = Buffer.from(encodeNewObject(name).payload);
    expect(decodeObject({ type: 0, flags: 0, sequence: 1, payload })).toMatchObject({ name });
  });
});

describe('answers', () => {
  // nfacct list, after three pings to 127.0.0.1 and back met `-m nfacct`
  const LISTING =
    '58000000000702009b5f016b52310000000000002200010063745f73746174655f696e76616c69645f64726f70706564' +
    '5f706b74730000000c00020000000000000000060c00030000000000000001f80800040000000002';

  it('F162: are read: packets, bytes and who refers to them', () => {
    expect(decodeMessages(Buffer.from(LISTING, 'hex')).map(decodeObject)).toEqual([
      { name: NAME, packets: 6, bytes: 504, references: 2 },
    ]);
  });

  it('without a counter are none', () => {
    const cut = Buffer.from(LISTING, 'hex').subarray(0, 56);
    cut.writeUInt32LE(cut.length, 0);
    expect(decodeMessages(cut).map(decodeObject)).toEqual([undefined]);
  });
});
