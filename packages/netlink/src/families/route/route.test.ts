import { describe, expect, it } from 'vitest';
import { decodeMessages, type NetlinkMessage } from '../../codec/message.ts';
import { attributeTree } from '../../testing/attribute-tree.ts';
import { encodeAsCaptured } from '../../testing/captured.ts';
import {
  decodeAddress,
  encodeDeleteAddress,
  encodeListAddresses,
  encodeNewAddress,
  type LinkAddress,
} from './address.ts';
import { ADDRESS_FLAG, LINK_FLAG } from './constants.ts';
import { decodeLink, encodeDeleteLink, encodeGetLink, encodeNewLink, encodeSetLinkState } from './link.ts';
import { decodeNotification } from './notification.ts';

// Bytes that iproute2 6.1 and Linux 6.18 exchanged; the command stands above them.
const messages = (hex: string): NetlinkMessage[] => decodeMessages(Buffer.from(hex, 'hex'));
const linkTree = (hex: string): ReturnType<typeof attributeTree> =>
  attributeTree(Buffer.from(hex, 'hex').subarray(32), ['18', '18.2']);

// ip -o link show dev v0; cut down to name, MTU, hardware address and LINKINFO, its lengths set anew.
const LINK_V0 =
  '4c000000100000004d4d016baa320000000001000300000002100000000000000700030076300000' +
  '08000400dc0500000a0001009e6b6f66acb60000100012000900010076657468' +
  '00000000';

const serviceIP: LinkAddress = { family: 'IPv4', address: '10.96.0.1', prefixLength: 32, linkIndex: 3 };
const serviceIP6: LinkAddress = { family: 'IPv6', address: 'fd00::1', prefixLength: 128, linkIndex: 3 };

describe('links', () => {
  it.each([
    // ip link add kube-ipvs0 type dummy
    [
      'dummy',
      encodeNewLink({ name: 'kube-ipvs0', kind: 'dummy' }),
      '4000000010000506564d016b00000000000000000000000000000000000000000f0003006b7562652d69707673' +
        '300000100012000900010064756d6d79000000',
    ],
    // ip link add br0 type bridge
    [
      'bridge',
      encodeNewLink({ name: 'br0', kind: 'bridge' }),
      '38000000100005064d4d016b00000000000000000000000000000000000000000800030062723000100012000a' +
        '0001006272696467650000',
    ],
    // ip link add v0 type veth peer name v1
    [
      'veth',
      encodeNewLink({ name: 'v0', kind: 'veth', peer: 'v1' }),
      '54000000100005064d4d016b000000000000000000000000000000000000000007000300763000002c00120008' +
        '00010076657468200002001c000100000000000000000000000000000000000700030076310000',
    ],
  ])('%s is made as ip makes it', (_kind, request, captured) => {
    const encoded = encodeAsCaptured(request, captured, 'acknowledge');
    expect(encoded.slice(0, 64), 'headers').toBe(captured.slice(0, 64));
    // iproute2 leaves NLA_F_NESTED out, which the tree does not show.
    expect(linkTree(encoded)).toEqual(linkTree(captured));
  });

  it('are deleted by number', () => {
    // ip link del v0
    const captured = '20000000110005004d4d016b0000000000000000030000000000000000000000';
    expect(encodeAsCaptured(encodeDeleteLink({ index: 3 }), captured, 'acknowledge')).toBe(captured);
  });

  it('are asked for by name', () => {
    const payload = Buffer.from(encodeGetLink({ name: 'v0' }).payload);
    expect(payload.subarray(0, 16)).toEqual(Buffer.alloc(16));
    expect(attributeTree(payload.subarray(16), [])).toEqual({ 3: '763000' });
  });

  it.each([
    ['up', LINK_FLAG.up],
    ['down', 0],
  ] as const)('go %s and leave the other flags alone', (state, flags) => {
    const payload = Buffer.from(encodeSetLinkState({ index: 7 }, state).payload);
    expect([payload.readInt32LE(4), payload.readUInt32LE(8), payload.readUInt32LE(12)]).toEqual([
      7,
      flags,
      1,
    ]);
  });

  it('are read with what this package has a use for', () => {
    expect(messages(LINK_V0).map(decodeLink)).toEqual([
      { index: 3, name: 'v0', flags: 0x1002, mtu: 1500, kind: 'veth', hardwareAddress: '9e:6b:6f:66:ac:b6' },
    ]);
  });
});

describe('addresses', () => {
  it.each([
    // ip addr add 10.96.0.1/32 dev v0
    [
      'RTM_NEWADDR',
      encodeNewAddress(serviceIP),
      '28000000140005064d4d016b000000000220000003000000080002000a600001080001000a600001',
    ],
    // ip addr add fd00::1/128 dev v0 nodad
    [
      'RTM_NEWADDR, IPv6',
      encodeNewAddress(serviceIP6, { noDad: true }),
      '40000000140005064d4d016b000000000a8002000300000014000200fd00000000000000000000000000000114' +
        '000100fd000000000000000000000000000001',
    ],
    // ip addr add 10.96.0.1/32 dev v0 scope host
    [
      'RTM_NEWADDR, scope host',
      encodeNewAddress({ ...serviceIP, linkIndex: 2 }, { scope: 'host' }),
      '2800000014000506ab57016b00000000022000fe02000000080002000a600001080001000a600001',
    ],
    // ip addr add fd00::1/128 dev v0 nodad preferred_lft 0
    [
      'RTM_NEWADDR, deprecated from the start',
      encodeNewAddress({ ...serviceIP6, linkIndex: 2 }, { noDad: true, deprecated: true }),
      '5400000014000506ab57016b000000000a8002000200000014000200fd00000000000000000000000000000114000100' +
        'fd0000000000000000000000000000011400060000000000ffffffff0000000000000000',
    ],
    // ip addr del 10.96.0.1/32 dev v0
    [
      'RTM_DELADDR',
      encodeDeleteAddress(serviceIP),
      '28000000150005004d4d016b000000000220000003000000080002000a600001080001000a600001',
    ],
  ])('%s is what ip sends', (_name, request, captured) => {
    expect(encodeAsCaptured(request, captured, 'acknowledge')).toBe(captured);
  });

  it('are listed with their links', () => {
    // ip -o addr show
    const answer =
      '4c000000140002004e4d016bab320000020880fe01000000080001007f000001080002007f000001070003006c' +
      '6f0000080008008000000014000600ffffffffffffffff4a0602004a0602004c000000140002004e4d016bab32' +
      '00000220800003000000080001000a600001080002000a60000107000300763000000800080080000000140006' +
      '00ffffffffffffffff4b0602004b06020050000000140002004e4d016bab3200000a8080fe0100000014000100' +
      '0000000000000000000000000000000114000600ffffffffffffffff4a0602004a060200080008008000000005' +
      '000b000100000048000000140002004e4d016bab3200000a8082000300000014000100fd000000000000000000' +
      '00000000000114000600ffffffffffffffff4c0602004c0602000800080082000000';
    expect(messages(answer).map(decodeAddress)).toEqual([
      { family: 'IPv4', address: '127.0.0.1', prefixLength: 8, linkIndex: 1, scope: 'host', flags: 0x80 },
      { ...serviceIP, scope: 'global', flags: ADDRESS_FLAG.permanent },
      { family: 'IPv6', address: '::1', prefixLength: 128, linkIndex: 1, scope: 'host', flags: 0x80 },
      { ...serviceIP6, scope: 'global', flags: ADDRESS_FLAG.permanent | ADDRESS_FLAG.noDad },
    ]);
  });

  it('of one family are asked for by that family', () => {
    expect(encodeListAddresses().payload[0]).toBe(0);
    expect(encodeListAddresses('IPv4').payload[0]).toBe(2);
    expect(encodeListAddresses('IPv6').payload[0]).toBe(10);
  });

  it('that no request can carry are refused before they are sent', () => {
    expect(() => encodeNewAddress({ ...serviceIP, address: 'nonsense' })).toThrow(RangeError);
  });
});

describe('notifications', () => {
  const [link] = messages(LINK_V0);
  const ofType = (type: number, message: NetlinkMessage | undefined): NetlinkMessage => ({
    flags: 0,
    sequence: 0,
    payload: message?.payload ?? Buffer.alloc(0),
    type,
  });
  const address: NetlinkMessage = {
    ...ofType(20, undefined),
    payload: Buffer.from(encodeNewAddress(serviceIP).payload),
  };

  it.each([
    ['link-set', ofType(16, link)],
    ['link-gone', ofType(17, link)],
    ['address-set', address],
    ['address-gone', ofType(21, address)],
  ])('%s', (kind, message) => {
    expect(decodeNotification(message)?.kind).toBe(kind);
  });

  it('of other things are none', () => {
    expect(decodeNotification(ofType(24, link))).toBeUndefined();
    expect(decodeNotification(ofType(16, undefined))).toBeUndefined();
  });
});
