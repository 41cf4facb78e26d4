import { describe, expect, it } from 'vitest';
import { decodeMessages, type NetlinkMessage } from '../../codec/message.ts';
import { attributeTree } from '../../testing/attribute-tree.ts';
import { encodeAsCaptured } from '../../testing/captured.ts';
import { decodeFlow, encodeDeleteFlow, encodeListFlows, encodeNewFlow, type FlowKey } from './flow.ts';

// Bytes that conntrack 1.4.7 and Linux 6.18 exchanged; the command stands above them.
const UDP = 17;
const messages = (hex: string): NetlinkMessage[] => decodeMessages(Buffer.from(hex, 'hex'));
const tree = (payload: Uint8Array): ReturnType<typeof attributeTree> =>
  attributeTree(Buffer.from(payload).subarray(4), ['1', '1.1', '1.2', '2', '2.1', '2.2', '4', '4.1', '25']);
const payloadOf = (hex: string): Buffer => Buffer.from(hex.slice(32), 'hex');

const dns: FlowKey = {
  family: 'IPv4',
  protocol: UDP,
  original: { source: '10.0.0.1', sourcePort: 5000, destination: '10.96.0.10', destinationPort: 53 },
  reply: { source: '10.1.0.2', sourcePort: 53, destination: '10.0.0.1', destinationPort: 5000 },
};

// conntrack -L
const LISTING =
  'c0000000000102004c4d016bcb320000020000003400018014000180080001000a000001080002000a60000a1c' +
  '0002800500010011000000060002001388000006000300003500003400028014000180080001000a0100020800' +
  '02000a0000011c0002800500010011000000060002000035000006000300138800000800030000000008080008' +
  '000000000008000c00a580651108000b000000000108000700000000631c001880080001000000000008000200' +
  '000000000800030000000000';

describe('listing', () => {
  it('asks for a family', () => {
    // conntrack -L -f ipv6
    const captured = '14000000010101034c4d016b000000000a000000';
    expect(encodeAsCaptured(encodeListFlows({ family: 'IPv6' }), captured, 'dump')).toBe(captured);
  });

  it('asks for one protocol by the filter of newer kernels', () => {
    expect(tree(encodeListFlows({ family: 'IPv4', protocol: UDP }).payload)).toEqual({
      1: { 2: { 1: '11' } },
      25: { 1: '08000000' },
    });
  });

  it('reads both directions, and the number of the entry', () => {
    expect(messages(LISTING).map((message) => decodeFlow(message, [UDP]))).toEqual([
      { ...dns, status: 8, mark: 0, id: 0xa5806511, timeoutSeconds: 99 },
    ]);
  });

  it('passes over other protocols', () => {
    expect(messages(LISTING).map((message) => decodeFlow(message, [6, 132]))).toEqual([undefined]);
  });

  it('reads what it writes, in both families and any zone', () => {
    const flow: FlowKey = {
      family: 'IPv6',
      protocol: 132,
      original: { source: 'fd00::9', sourcePort: 1, destination: 'fd00::10', destinationPort: 65535 },
      reply: { source: 'fd01::2', sourcePort: 9, destination: 'fd00::9', destinationPort: 1 },
      zone: 7,
      id: 0xfedcba98,
    };
    const payload = Buffer.from(encodeDeleteFlow(flow).payload);
    expect(decodeFlow({ type: 256, flags: 0, sequence: 1, payload }, [132])).toEqual({
      ...flow,
      status: 0,
      mark: 0,
    });
  });
});

describe('deleting', () => {
  // conntrack -D -p udp --orig-dst 10.96.0.10
  const captured =
    'b0000000020105004c4d016b00000000020000003400018014000180080001000a000001080002000a60000a1c' +
    '0002800500010011000000060002001388000006000300003500003400028014000180080001000a0100020800' +
    '02000a0000011c0002800500010011000000060002000035000006000300138800000800030000000008080007' +
    '000000006308000800000000001c001880080001000000000008000200000000000800030000000000';

  it('names both directions as conntrack does', () => {
    const request = encodeDeleteFlow(dns);
    expect(encodeAsCaptured(request, captured, 'acknowledge').slice(8, 40)).toBe(captured.slice(8, 40));
    // conntrack repeats everything it read; the kernel looks at the tuples, the zone and the number.
    expect(tree(payloadOf(captured))).toMatchObject(tree(request.payload));
  });

  it('names the number of the entry, where it is known', () => {
    expect(tree(encodeDeleteFlow({ ...dns, id: 0x00a58065 }).payload)).toMatchObject({ 12: '00a58065' });
  });

  it('never goes without a tuple: that would empty the whole table', () => {
    expect(Object.keys(tree(encodeDeleteFlow(dns).payload))).toEqual(['1', '2']);
  });
});

describe('making', () => {
  it('is done as conntrack -I does it', () => {
    const captured =
      '84000000000105064c4d016b00000000020000003400018014000180080001000a000001080002000a60000a1c' +
      '0002800500010011000000060002001388000006000300003500003400028014000180080001000a0100020800' +
      '02000a0000011c0002800500010011800000060002000035000006000300138800000800070000000064';
    const request = encodeNewFlow(dns, 100);
    expect(encodeAsCaptured(request, captured, 'acknowledge').slice(8, 40)).toBe(captured.slice(8, 40));
    // conntrack leaves noise in the padding, which the tree does not show.
    expect(tree(request.payload)).toEqual(tree(payloadOf(captured)));
  });

  it('gives TCP an established connection', () => {
    // conntrack -I -p tcp ... --state ESTABLISHED
    const captured =
      'a4000000000105064c4d016b00000000020000003400018014000180080001000a000001080002000a60000a1c' +
      '0002800500010006000000060002001388000006000300003500003400028014000180080001000a0100020800' +
      '02000a0000011c0002800500010006800000060002000035000006000300138800000800070000000064200004' +
      '801c0001800500010003000000060004000a0a0000060005000a0a0000';
    expect(tree(payloadOf(captured))).toMatchObject(
      tree(encodeNewFlow({ ...dns, protocol: 6 }, 100).payload),
    );
  });
});
