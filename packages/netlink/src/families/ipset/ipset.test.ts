import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeAcknowledgement } from '../../codec/acknowledgement.ts';
import { refusal } from '../../codec/errno.ts';
import { NLM_F_ACK } from '../../codec/constants.ts';
import { decodeMessages, type NetlinkMessage } from '../../codec/message.ts';
import { eachAttribute, readAttributes } from '../../codec/reader.ts';
import { attributeTree } from '../../testing/attribute-tree.ts';
import { encodeAsCaptured } from '../../testing/captured.ts';
import {
  decodeEntry,
  encodeEntryChange,
  ENTRIES_PER_MESSAGE,
  formatEntry,
  type IpsetEntry,
} from './entry.ts';
import { chooseProtocol, decodeProtocol, decodeType, encodeGetProtocol, encodeGetType } from './negotiate.ts';
import {
  assembleSets,
  decodeSetPart,
  encodeCreateSet,
  encodeDestroySet,
  encodeFlushSet,
  encodeListNames,
  encodeListSets,
  encodeTwoSets,
  type IpsetDefinition,
} from './set.ts';

// Bytes that ipset 7.17 and Linux 6.18 exchanged; the command stands above them.
const PROTOCOL = 7;
const messages = (hex: string): NetlinkMessage[] => decodeMessages(Buffer.from(hex, 'hex'));
const payloadOf = (hex: string): Buffer => Buffer.from(hex.slice(32), 'hex');

const clusterIPs: IpsetDefinition = {
  name: 'KUBE-CLUSTER-IP',
  type: 'hash:ip,port',
  family: 'IPv4',
  hashSize: 1024,
  maxElements: 65536,
};

describe('sets', () => {
  const create = (definition: IpsetDefinition, revision: number): ReturnType<typeof encodeCreateSet> =>
    encodeCreateSet({ protocol: PROTOCOL, revision, definition, duplicates: 'refuse' });

  it.each([
    // ipset create KUBE-CLUSTER-IP hash:ip,port family inet hashsize 1024 maxelem 65536
    [
      'hash:ip,port',
      create(clusterIPs, 7),
      '68000000020605064f4d016b00000000020000000500010007000000140002004b5542452d434c55535445522d' +
        '49500011000300686173683a69702c706f72740000000005000400070000000500050002000000140007800800' +
        '1240000004000800134000010000',
    ],
    // ipset create KUBE-6-CLUSTER-IP hash:ip,port family inet6
    [
      'hash:ip,port, IPv6',
      create({ name: 'KUBE-6-CLUSTER-IP', type: 'hash:ip,port', family: 'IPv6' }, 7),
      '5c000000020605064f4d016b00000000020000000500010007000000160002004b5542452d362d434c55535445' +
        '522d495000000011000300686173683a69702c706f7274000000000500040007000000050005000a0000000400' +
        '0780',
    ],
    // ipset create LB hash:ip,port,ip
    [
      'hash:ip,port,ip',
      create({ name: 'LB', type: 'hash:ip,port,ip', family: 'IPv4' }, 6),
      '4c000000020605064f4d016b00000000020000000500010007000000070002004c42000014000300686173683a' +
        '69702c706f72742c6970000500040006000000050005000200000004000780',
    ],
    // ipset create SRC hash:ip,port,net
    [
      'hash:ip,port,net',
      create({ name: 'SRC', type: 'hash:ip,port,net', family: 'IPv4' }, 8),
      '50000000020605064f4d016b00000000020000000500010007000000080002005352430015000300686173683a' +
        '69702c706f72742c6e6574000000000500040008000000050005000200000004000780',
    ],
    // ipset create IPS hash:ip
    [
      'hash:ip',
      create({ name: 'IPS', type: 'hash:ip', family: 'IPv4' }, 6),
      '44000000020605064f4d016b0000000002000000050001000700000008000200495053000c000300686173683a' +
        '6970000500040006000000050005000200000004000780',
    ],
    // ipset create NETS hash:net
    [
      'hash:net',
      create({ name: 'NETS', type: 'hash:net', family: 'IPv4' }, 7),
      '4c000000020605064f4d016b00000000020000000500010007000000090002004e455453000000000d00030068' +
        '6173683a6e6574000000000500040007000000050005000200000004000780',
    ],
    // ipset create NP bitmap:port range 0-65535
    [
      'bitmap:port',
      create({ name: 'NP', type: 'bitmap:port', firstPort: 0, lastPort: 65535 }, 3),
      '58000000020605064f4d016b00000000020000000500010007000000070002004e500000100003006269746d61' +
        '703a706f7274000500040003000000050005000000000014000780060004400000000006000540ffff0000',
    ],
  ])('%s is made as ipset makes it', (_type, request, captured) => {
    expect(encodeAsCaptured(request, captured, 'acknowledge')).toBe(captured);
  });

  it.each([
    // ipset rename NP NP2
    [
      'RENAME',
      encodeTwoSets('RENAME', PROTOCOL, { from: 'NP', to: 'NP2' }),
      '2c000000050605004e4d016b00000000020000000500010007000000070002004e500000080003004e503200',
    ],
    // ipset swap NETS IPS
    [
      'SWAP',
      encodeTwoSets('SWAP', PROTOCOL, { from: 'NETS', to: 'IPS' }),
      '30000000060605004e4d016b00000000020000000500010007000000090002004e455453000000000800030049505300',
    ],
    // ipset flush NP
    [
      'FLUSH',
      encodeFlushSet(PROTOCOL, 'NP'),
      '24000000040605004e4d016b00000000020000000500010007000000070002004e500000',
    ],
    // ipset destroy NP2
    [
      'DESTROY',
      encodeDestroySet(PROTOCOL, 'NP2'),
      '24000000030605024e4d016b00000000020000000500010007000000080002004e503200',
    ],
    // ipset list
    ['LIST', encodeListSets(PROTOCOL), '1c000000070605034e4d016b00000000020000000500010007000000'],
    // ipset list -n
    [
      'LIST, names only',
      encodeListNames(PROTOCOL),
      '24000000070605034e4d016b000000000200000005000100070000000800064000000002',
    ],
  ])('%s is the message that ipset sends', (name, request, captured) => {
    expect(request.payload, name).toEqual(payloadOf(captured));
    // ipset asks for an acknowledgement of listings too; they end with NLMSG_DONE and have none.
    const mode = name.startsWith('LIST') ? 'dump' : 'acknowledge';
    const encoded = Buffer.from(encodeAsCaptured(request, captured, mode), 'hex');
    const expected = Buffer.from(captured, 'hex');
    expect(encoded.readUInt16LE(4)).toBe(expected.readUInt16LE(4));
    expect(encoded.readUInt16LE(6) | NLM_F_ACK).toBe(expected.readUInt16LE(6));
  });

  it('can keep an equal set that exists', () => {
    const kept = encodeCreateSet({ protocol: 7, revision: 7, definition: clusterIPs, duplicates: 'skip' });
    expect([create(clusterIPs, 7).flags, kept.flags]).toEqual([0x600, 0x400]);
  });

  it('are listed with their entries', () => {
    // ipset list
    const answer =
      'bc000000070602004e4d016bbe320000020000000500010007000000140002004b5542452d434c55535445522d' +
      '49500011000300686173683a69702c706f7274000000000500050002000000050004000700000006000b400000' +
      '00003c00078008001240000004000800134000010000050015000c0000000800114076d75af108001940000000' +
      '0008001a4000000108080018400000000124000880200007800c000180080001000a6000010600044001bb0000' +
      '0500070006000000' +
      'c8000000070602004e4d016bbe320000020000000500010007000000080002005352430015000300686173683a' +
      '69702c706f72742c6e6574000000000500050002000000050004000800000006000b40000300003c0007800800' +
      '1240000004000800134000010000050015000c00000008001140667051d5080019400000000008001a40000002' +
      '08080018400000000138000880340007800c000180080001000a0100020c00148008000100c0a8000006000440' +
      '0050000005001500100000000500070006000000' +
      '88000000070602004e4d016bbe320000020000000500010007000000070002004e500000100003006269746d61' +
      '703a706f7274000500050000000000050004000300000006000b40000600002c00078006000440000000000600' +
      '0540ffff0000080019400000000008001a40000020480800184000000001100008800c00078006000440758000' +
      '00';
    const parts = messages(answer).flatMap((message) => decodeSetPart(message) ?? []);
    expect(assembleSets(parts)).toEqual([
      {
        ...clusterIPs,
        revision: 7,
        references: 0,
        memoryBytes: 264,
        entries: [{ address: '10.96.0.1', protocol: 6, port: 443 }],
      },
      {
        name: 'SRC',
        type: 'hash:ip,port,net',
        family: 'IPv4',
        revision: 8,
        hashSize: 1024,
        maxElements: 65536,
        references: 0,
        memoryBytes: 520,
        entries: [
          {
            address: '10.1.0.2',
            protocol: 6,
            port: 80,
            secondAddress: '192.168.0.0',
            secondPrefixLength: 16,
          },
        ],
      },
      {
        name: 'NP',
        type: 'bitmap:port',
        revision: 3,
        firstPort: 0,
        lastPort: 65535,
        references: 0,
        memoryBytes: 8264,
        entries: [{ port: 30080 }],
      },
    ]);
  });

  it('that come in several messages are put together', () => {
    const head = { name: 'A', type: 'hash:ip', revision: 6, entries: [{ address: '10.0.0.1' }] };
    const [set] = assembleSets([head, { name: 'A', entries: [{ address: '10.0.0.2' }] }]);
    expect(set?.entries.map(formatEntry)).toEqual(['10.0.0.1', '10.0.0.2']);
    expect(head.entries, 'the part is left as it was').toHaveLength(1);
  });
});

describe('entries', () => {
  const change = (setName: string, entries: readonly IpsetEntry[]): ReturnType<typeof encodeEntryChange> =>
    encodeEntryChange('ADD', { protocol: PROTOCOL, setName, entries, duplicates: 'skip' });

  /** The attributes of the only entry, as this package encodes it. */
  const encoded = (setName: string, entry: IpsetEntry): ReturnType<typeof attributeTree> => {
    const attributes = readAttributes(Buffer.from(change(setName, [entry]).payload).subarray(4));
    const found: ReturnType<typeof attributeTree>[] = [];
    eachAttribute(attributes.get(8) ?? Buffer.alloc(0), (_type, data) =>
      found.push(attributeTree(data, ['1', '20'])),
    );
    expect(found).toHaveLength(1);
    return found[0] ?? {};
  };

  const entries: [string, IpsetEntry, string][] = [
    // ipset add KUBE-6-CLUSTER-IP fd00::1,udp:53
    [
      'fd00::1,udp:53',
      { address: 'fd00::1', protocol: 17, port: 53 },
      '68000000090605024f4d016b00000000020000000500010007000000160002004b5542452d362d434c55535445' +
        '522d4950000000340007801800018014000240fd00000000000000000000000000000106000440003500000500' +
        '0700110000000800094000000000',
    ],
    // ipset add LB 10.1.0.2,sctp:80,10.1.0.2
    [
      '10.1.0.2,sctp:80,10.1.0.2',
      { address: '10.1.0.2', protocol: 132, port: 80, secondAddress: '10.1.0.2' },
      '58000000090605024f4d016b00000000020000000500010007000000070002004c420000340007800c00018008' +
        '0001400a010002060004400050000005000700840000000c001480080001400a0100020800094000000000',
    ],
    // ipset add SRC 10.1.0.2,tcp:80,192.168.0.0/16
    [
      '10.1.0.2,tcp:80,192.168.0.0/16',
      { address: '10.1.0.2', protocol: 6, port: 80, secondAddress: '192.168.0.0', secondPrefixLength: 16 },
      '60000000090605024f4d016b0000000002000000050001000700000008000200535243003c0007800c00018008' +
        '0001400a010002060004400050000005000700060000000c00148008000140c0a8000005001500100000000800' +
        '094000000000',
    ],
    // ipset add IPS 10.1.0.9
    [
      '10.1.0.9',
      { address: '10.1.0.9' },
      '3c000000090605024f4d016b000000000200000005000100070000000800020049505300180007800c00018008' +
        '0001400a0100090800094000000000',
    ],
    // ipset add NETS 10.1.0.0/24
    [
      '10.1.0.0/24',
      { address: '10.1.0.0', prefixLength: 24 },
      '48000000090605024f4d016b00000000020000000500010007000000090002004e45545300000000200007800c' +
        '000180080001400a01000005000300180000000800094000000000',
    ],
    // ipset add NP 30080
    [
      '30080',
      { port: 30080 },
      '38000000090605024f4d016b00000000020000000500010007000000070002004e500000140007800600044075' +
        '8000000800094000000000',
    ],
  ];

  it.each(entries)('%s is what ipset adds', (text, entry, captured) => {
    const expected = readAttributes(payloadOf(captured).subarray(4)).get(7) ?? Buffer.alloc(0);
    const { 9: _line, ...attributes } = attributeTree(expected, ['1', '20']);
    const { 9: _ownLine, ...written } = encoded('X', entry);
    expect(written).toEqual(attributes);
    expect(decodeEntry(expected)).toEqual(entry);
    expect(formatEntry(entry)).toBe(text);
  });

  // printf 'add A 10.0.0.%d,tcp:80\n' 1 2 3 4 | ipset restore, with room for two
  const restore =
    'd000000009060502c351016b0000000002000000050001000700000006000200410000000800094000000001a40008802800' +
    '07800c000180080001400a000001060004400050000005000700060000000800094000000001280007800c000180080001400' +
    'a000002060004400050000005000700060000000800094000000002280007800c000180080001400a00000306000440005000' +
    '0005000700060000000800094000000003280007800c000180080001400a00000406000440005000000500070006000000080' +
    '0094000000004';
  const four = [1, 2, 3, 4].map((last) => ({ address: `10.0.0.${last}`, protocol: 6, port: 80 }));

  it('travel many to a message, numbered, as ipset restore sends them', () => {
    const refuse = encodeEntryChange('ADD', {
      protocol: 7,
      setName: 'A',
      entries: four,
      duplicates: 'refuse',
    });
    // ipset also puts the number of the first line where this package puts 0.
    const expected = restore.replace('0800094000000001a4', '0800094000000000a4');
    expect(encodeAsCaptured(refuse, restore, 'acknowledge')).toBe(expected);
  });

  it('say which of them was refused', () => {
    const answer = `e400000002000000c351016b555b000000efffff${restore}`.replace(
      '0800094000000001a4',
      '0800094000000003a4',
    );
    const [message] = messages(answer);
    const acknowledgement = message === undefined ? undefined : decodeAcknowledgement(message);
    const error = acknowledgement === undefined ? undefined : refusal(change('A', four), acknowledgement);
    expect(error).toMatchObject({ errnoName: 'IPSET_ERR_HASH_FULL', index: 2, code: 'rejected' });
  });

  it('are named by the errors of their kind of set', () => {
    const ports = change('NP', [{ port: 70 }]);
    expect(refusal(ports, { errno: 4352 }).errnoName).toBe('IPSET_ERR_BITMAP_RANGE');
  });

  it('of the largest kind fit the message they are put in', () => {
    const largest = Array.from({ length: ENTRIES_PER_MESSAGE }, (_, at) => ({
      address: `fd00::${at.toString(16)}`,
      protocol: 6,
      port: at,
      secondAddress: `fd01::${at.toString(16)}`,
      secondPrefixLength: 64,
    }));
    expect(() => change('X', largest)).not.toThrow();
  });

  it('come back as they were written', () => {
    const port = fc.integer({ min: 0, max: 65535 });
    const address = fc.ipV4();
    const entry = fc.record({ address, protocol: fc.constantFrom(6, 17, 132), port, secondAddress: address });
    fc.assert(
      fc.property(fc.array(entry, { minLength: 1, maxLength: 40 }), (list) => {
        const attributes = readAttributes(Buffer.from(change('X', list).payload).subarray(4));
        const read: IpsetEntry[] = [];
        eachAttribute(attributes.get(8) ?? Buffer.alloc(0), (_type, data) => read.push(decodeEntry(data)));
        expect(read).toEqual(list);
      }),
    );
  });
});

describe('negotiation', () => {
  it('asks for and reads the protocol', () => {
    expect(encodeGetProtocol().payload).toEqual(
      payloadOf('1c000000010601004d4d016b00000000020000000500010007000000'),
    );
    const [message] = messages('24000000010600004d4d016bb232000002000000050001000700000005000a0006000000');
    expect(message === undefined ? undefined : decodeProtocol(message)).toEqual({ oldest: 6, newest: 7 });
  });

  it.each([
    [6, 7, 7],
    [6, 6, 6],
    [7, 9, 7],
    [8, 9, undefined],
    [4, 5, undefined],
  ])('of %i to %i chooses %s', (oldest, newest, chosen) => {
    expect(chooseProtocol({ oldest, newest })).toBe(chosen);
  });

  it('asks for and reads the revisions of a type', () => {
    // ipset create NP bitmap:port ...
    const request =
      '340000000d0601004e4d016b00000000020000000500010007000000100003006269746d61703a706f72740005' +
      '00050000000000';
    expect(encodeGetType({ protocol: 7, type: 'bitmap:port', family: 0 }).payload).toEqual(
      payloadOf(request),
    );
    const [message] = messages(
      '440000000d0600004e4d016bb4320000020000000500010007000000100003006269746d61703a706f72740005' +
        '00050000000000050004000300000005000a0000000000',
    );
    expect(message === undefined ? undefined : decodeType(message)).toEqual({ oldest: 0, newest: 3 });
  });
});
