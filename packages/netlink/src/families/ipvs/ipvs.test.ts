import { describe, expect, it } from 'vitest';
import { decodeMessages } from '../../codec/message.ts';
import { attributeTree } from '../../testing/attribute-tree.ts';
import { encodeAsCaptured } from '../../testing/captured.ts';
import { decodeFamily, encodeGetFamily } from '../generic.ts';
import { decodeInfo, decodeTimeouts, encodeGetInfo, encodeSetTimeouts } from './config.ts';
import { IPVS_SERVICE_FLAG } from './constants.ts';
import {
  decodeDestination,
  encodeDeleteDestination,
  encodeDestinationCommand,
  encodeListDestinations,
  type IpvsDestination,
} from './destination.ts';
import {
  decodeService,
  encodeDeleteService,
  encodeListServices,
  encodeServiceCommand,
  type IpvsService,
} from './service.ts';

// Bytes that ipvsadm 1.31 and Linux 6.1 exchanged; the command stands above them.
const FAMILY = 0x1c;

const https: IpvsService = {
  family: 'IPv4',
  protocol: 6,
  address: '10.96.0.1',
  port: 443,
  scheduler: 'rr',
  flags: IPVS_SERVICE_FLAG.persistent,
  timeoutSeconds: 10800,
  persistencePrefix: 32,
};
const dns: IpvsService = {
  family: 'IPv6',
  protocol: 17,
  address: 'fd00::1',
  port: 53,
  scheduler: 'mh',
  flags: IPVS_SERVICE_FLAG.schedulerPort,
  timeoutSeconds: 0,
  persistencePrefix: 128,
};
const endpoint: IpvsDestination = {
  address: '10.1.0.2',
  port: 6443,
  forwarding: 'masquerade',
  weight: 1,
  upperThreshold: 0,
  lowerThreshold: 0,
};
const nothingYet = { connections: 0, inPackets: 0, outPackets: 0, inBytes: 0, outBytes: 0 };

const nested = ['1', '2'];
const tree = (hex: string): ReturnType<typeof attributeTree> =>
  attributeTree(Buffer.from(hex, 'hex').subarray(20), nested);

const payloadOf = (hex: string): Buffer => Buffer.from(hex.slice(32), 'hex');

describe('services', () => {
  it.each([
    // ipvsadm -A -t 10.96.0.1:443 -s rr -p 10800
    [
      'NEW_SERVICE, persistent',
      encodeServiceCommand(FAMILY, 'NEW_SERVICE', https),
      '680000001c000500544d016b14030046010100005400018006000100020000000600020006000000140003000a' +
        '6000010000000000000000000000000600040001bb000007000600727200000c00070001000000ffffffff0800' +
        '0800302a000008000900ffffffff',
    ],
    // ipvsadm -A -u [fd00::1]:53 -s mh -b mh-port
    [
      'NEW_SERVICE, IPv6, mh-port',
      encodeServiceCommand(FAMILY, 'NEW_SERVICE', dns),
      '680000001c000500554d016b150300460101000054000180060001000a000000060002001100000014000300fd' +
        '0000000000000000000000000000010600040000350000070006006d6800000c00070010000000ffffffff0800' +
        '0800000000000800090080000000',
    ],
    // ipvsadm -E -t 10.96.0.1:443 -s wlc
    [
      'SET_SERVICE',
      encodeServiceCommand(FAMILY, 'SET_SERVICE', {
        ...https,
        scheduler: 'wlc',
        flags: 0,
        timeoutSeconds: 0,
      }),
      '680000001c000500554d016b16034045020100005400018006000100020000000600020006000000140003000a' +
        '6000010000000000000000000000000600040001bb000008000600776c63000c00070000000000ffffffff0800' +
        '08000000000008000900ffffffff',
    ],
  ])('%s is what ipvsadm sends', (_name, request, captured) => {
    expect(encodeAsCaptured(request, captured, 'acknowledge')).toBe(captured);
  });

  it('are deleted by their key alone', () => {
    // ipvsadm -D -t 10.96.0.1:443
    const captured =
      '680000001c000500564d016b1c038045030100005400018006000100020000000600020006000000140003000a' +
      '6000010000000000000000000000000600040001bb000005000600000000000c00070000000000ffffffff0800' +
      '08000000000008000900ffffffff';
    const encoded = tree(encodeAsCaptured(encodeDeleteService(FAMILY, https), captured, 'acknowledge'));
    // ipvsadm sends also what the kernel does not read: scheduler, flags, timeout, netmask.
    expect(tree(captured)[1]).toMatchObject(encoded[1] as object);
    expect(Object.keys(encoded[1] as object)).toEqual(['1', '2', '3', '4']);
  });

  it('are listed with flags, schedulers and counters', () => {
    // ipvsadm -Ln
    const request = '140000001c000503554d016b1903404504010000';
    expect(encodeListServices(FAMILY).payload).toEqual(payloadOf(request));
    const answer =
      '680100001c000200554d016b190340450101000054010100060001000a000000060002001100000014000300fd' +
      '0000000000000000000000000000010600040000350000070006006d6800000c00070012000000ffffffff0800' +
      '080000000000080009008000000060000a000800010000000000080002000000000008000300000000000c0004' +
      '00000000000000000004000b000c00050000000000000000000800060000000000080007000000000008000800' +
      '00000000080009000000000008000a0000000000a0000c000c000100000000000000000004000b000c00020000' +
      '0000000000000004000b000c000300000000000000000004000b000c000400000000000000000004000b000c00' +
      '0500000000000000000004000b000c000600000000000000000004000b000c000700000000000000000004000b' +
      '000c000800000000000000000004000b000c000900000000000000000004000b000c000a000000000000000000' +
      '680100001c000200554d016b19034045010100005401010006000100020000000600020006000000140003000a' +
      '6000010000000000000000000000000600040001bb000008000600776c63000c00070002000000ffffffff0800' +
      '08000000000008000900ffffffff60000a000800010000000000080002000000000008000300000000000c0004' +
      '00000000000000000004000b000c00050000000000000000000800060000000000080007000000000008000800' +
      '00000000080009000000000008000a0000000000a0000c000c000100000000000000000004000b000c00020000' +
      '0000000000000004000b000c000300000000000000000004000b000c000400000000000000000004000b000c00' +
      '0500000000000000000004000b000c000600000000000000000004000b000c000700000000000000000004000b' +
      '000c000800000000000000000004000b000c000900000000000000000004000b000c000a000000000000000000';
    expect(decodeMessages(Buffer.from(answer, 'hex')).map(decodeService)).toEqual([
      { ...dns, stats: nothingYet },
      { ...https, scheduler: 'wlc', flags: 0, timeoutSeconds: 0, stats: nothingYet },
    ]);
  });

  it.each([0, 1, 24, 31, 32])('keep a persistence prefix of %i', (persistencePrefix) => {
    const request = encodeServiceCommand(FAMILY, 'NEW_SERVICE', { ...https, persistencePrefix });
    const message = { type: FAMILY, flags: 0, sequence: 1, payload: Buffer.from(request.payload) };
    expect(decodeService(message)?.persistencePrefix).toBe(persistencePrefix);
  });

  it('are named in messages about them', () => {
    expect(encodeDeleteService(FAMILY, dns)).toMatchObject({
      operation: 'IPVS_CMD_DEL_SERVICE',
      context: { subject: '[fd00::1]:53/udp' },
    });
  });
});

describe('destinations', () => {
  it.each([
    // ipvsadm -a -t 10.96.0.1:443 -r 10.1.0.2:6443 -m -w 1
    [
      'NEW_DEST',
      encodeDestinationCommand(FAMILY, 'NEW_DEST', https, endpoint),
      'c80000001c000500554d016b17034045050100005400018006000100020000000600020006000000140003000a' +
        '6000010000000000000000000000000600040001bb000005000600000000000c00070000000000ffffffff0800' +
        '08000000000008000900ffffffff6000028006000b0002000000140001000a0100020000000000000000000000' +
        '0006000200192b00000800030000000000080004000100000005000d000000000006000e000000000006000f00' +
        '0000000008000500000000000800060000000000',
    ],
    // ipvsadm -e -t 10.96.0.1:443 -r 10.1.0.2:6443 -m -w 0 -x 10 -y 5
    [
      'SET_DEST',
      encodeDestinationCommand(FAMILY, 'SET_DEST', https, {
        ...endpoint,
        weight: 0,
        upperThreshold: 10,
        lowerThreshold: 5,
      }),
      'c80000001c000500554d016b18034045060100005400018006000100020000000600020006000000140003000a' +
        '6000010000000000000000000000000600040001bb000005000600000000000c00070000000000ffffffff0800' +
        '08000000000008000900ffffffff6000028006000b0002000000140001000a0100020000000000000000000000' +
        '0006000200192b00000800030000000000080004000000000005000d000000000006000e000000000006000f00' +
        '00000000080005000a0000000800060005000000',
    ],
    // ipvsadm -d -t 10.96.0.1:443 -r 10.1.0.2:6443
    [
      'DEL_DEST',
      encodeDeleteDestination(FAMILY, https, endpoint),
      'c80000001c000500554d016b1a034045070100005400018006000100020000000600020006000000140003000a' +
        '6000010000000000000000000000000600040001bb000005000600000000000c00070000000000ffffffff0800' +
        '08000000000008000900ffffffff6000028006000b0002000000140001000a0100020000000000000000000000' +
        '0006000200192b00000800030003000000080004000100000005000d000000000006000e000000000006000f00' +
        '0000000008000500000000000800060000000000',
    ],
  ])('%s has no attribute that ipvsadm sends otherwise', (_name, request, captured) => {
    const encoded = encodeAsCaptured(request, captured, 'acknowledge');
    expect(encoded.slice(8, 40), 'header').toBe(captured.slice(8, 40));
    expect(tree(captured)).toMatchObject(tree(encoded));
  });

  it('are listed with their connections', () => {
    // ipvsadm -Ln
    const request =
      '440000001c000503554d016b19030058080100003000018006000100020000000600020006000000140003000a' +
      '6000010000000000000000000000000600040001bb0000';
    expect(encodeListDestinations(FAMILY, https).payload).toEqual(payloadOf(request));
    const answer =
      '900100001c000200554d016b19030058050100007c010200140001000a01000200000000000000000000000006' +
      '000200192b00000800030000000000080004000000000005000d000000000006000e000000000006000f000000' +
      '0000080005000a000000080006000500000008000700000000000800080000000000080009000000000006000b' +
      '000200000064000a0008000100000000000800020000000000080003000000000004000b000c00040000000000' +
      '0000000004000b000c000500000000000000000008000600000000000800070000000000080008000000000008' +
      '0009000000000008000a0000000000a0000c000c000100000000000000000004000b000c000200000000000000' +
      '000004000b000c000300000000000000000004000b000c000400000000000000000004000b000c000500000000' +
      '000000000004000b000c000600000000000000000004000b000c000700000000000000000004000b000c000800' +
      '000000000000000004000b000c000900000000000000000004000b000c000a000000000000000000';
    const [message] = decodeMessages(Buffer.from(answer, 'hex'));
    expect(message === undefined ? undefined : decodeDestination(message, 'IPv4')).toEqual({
      ...endpoint,
      weight: 0,
      upperThreshold: 10,
      lowerThreshold: 5,
      activeConnections: 0,
      inactiveConnections: 0,
      persistentConnections: 0,
      stats: nothingYet,
    });
  });
});

describe('configuration', () => {
  it('asks for the family by its name', () => {
    const request = '2000000010000500544d016b1903c0e703010000090002004950565300000000';
    expect(encodeAsCaptured(encodeGetFamily('IPVS'), request, 'acknowledge')).toBe(request);
    const answer =
      '8401000010000000544d016b1903c0e701020000090002004950565300000000060001001c0000000800030001' +
      '0000000800040000000000080005000600000044010600140001000800010001000000080002000b0000001400' +
      '02000800010002000000080002000b000000140003000800010003000000080002000b00000014000400080001' +
      '0004000000080002000f000000140005000800010005000000080002000b000000140006000800010006000000' +
      '080002000b000000140007000800010007000000080002000b000000140008000800010008000000080002000d' +
      '000000140009000800010009000000080002000b00000014000a00080001000a000000080002000b0000001400' +
      '0b00080001000b000000080002000d00000014000c00080001000c000000080002000b00000014000d00080001' +
      '000d000000080002000b00000014000e00080001000f000000080002000b00000014000f000800010010000000' +
      '080002000b000000140010000800010011000000080002000b000000';
    const [message] = decodeMessages(Buffer.from(answer, 'hex'));
    expect(message === undefined ? undefined : decodeFamily(message)).toEqual({
      id: 0x1c,
      name: 'IPVS',
      version: 1,
    });
  });

  it('reads the version of the kernel part', () => {
    const request = '140000001c000500554d016b190380120f010000';
    expect(encodeAsCaptured(encodeGetInfo(FAMILY), request, 'acknowledge')).toBe(request);
    const answer = '240000001c000000554d016b190380120e01000008000100010201000800020000100000';
    const [message] = decodeMessages(Buffer.from(answer, 'hex'));
    expect(message === undefined ? undefined : decodeInfo(message)).toEqual({
      version: '1.2.1',
      connectionTableSize: 4096,
    });
  });

  it('sets timeouts as ipvsadm does, and leaves out what is to stay', () => {
    // ipvsadm --set 900 120 300
    const captured =
      '2c0000001c000500564d016b1b0380450c01000008000400840300000800050078000000080006002c010000';
    const timeouts = { tcp: 900, tcpFin: 120, udp: 300 };
    const request = encodeSetTimeouts(FAMILY, timeouts);
    expect(encodeAsCaptured(request, captured, 'acknowledge')).toBe(captured);
    const message = { type: FAMILY, flags: 0, sequence: 1, payload: Buffer.from(request.payload) };
    expect(decodeTimeouts(message)).toEqual(timeouts);
    const part = Buffer.from(encodeSetTimeouts(FAMILY, { udp: 10 }).payload);
    expect(attributeTree(part.subarray(4), [])).toEqual({ 6: '0a000000' });
  });
});
