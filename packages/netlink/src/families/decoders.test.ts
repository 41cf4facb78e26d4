import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeAcknowledgement } from '../codec/acknowledgement.ts';
import { decodeMessages, type NetlinkMessage } from '../codec/message.ts';
import { decodeObject } from './accounting/object.ts';
import { decodeFlow } from './conntrack/flow.ts';
import { decodeFamily } from './generic.ts';
import { refusedEntry } from './ipset/entry.ts';
import { decodeProtocol, decodeType } from './ipset/negotiate.ts';
import { decodeSetPart } from './ipset/set.ts';
import { decodeInfo, decodeTimeouts } from './ipvs/config.ts';
import { decodeDestination } from './ipvs/destination.ts';
import { decodeService } from './ipvs/service.ts';
import { decodeTable } from './nftables/table.ts';
import { decodeAddress } from './route/address.ts';
import { decodeLink } from './route/link.ts';
import { decodeNotification } from './route/notification.ts';
import { decodeLocalRoute } from './route/route-lookup.ts';

const decoders: [string, (message: NetlinkMessage) => unknown][] = [
  ['decodeAcknowledgement', decodeAcknowledgement],
  ['decodeFamily', decodeFamily],
  ['decodeService', decodeService],
  ['decodeDestination', (message) => decodeDestination(message, 'IPv4')],
  ['decodeInfo', decodeInfo],
  ['decodeTimeouts', decodeTimeouts],
  ['decodeLink', decodeLink],
  ['decodeAddress', decodeAddress],
  ['decodeNotification', decodeNotification],
  ['decodeLocalRoute', decodeLocalRoute],
  ['decodeSetPart', decodeSetPart],
  ['decodeProtocol', decodeProtocol],
  ['decodeType', decodeType],
  ['refusedEntry', ({ payload }) => refusedEntry(payload)],
  ['decodeObject', decodeObject],
  ['decodeTable', (message) => decodeTable({ ...message, type: 0xa00 })],
  ['decodeFlow', (message) => decodeFlow(message, [17])],
];

/** Attributes with lengths that are mostly right, nested in each other, with any content. */
const attributes = fc.letrec<{ list: Buffer; attribute: Buffer }>((tie) => ({
  list: fc.array(tie('attribute'), { maxLength: 6 }).map((parts) => Buffer.concat(parts)),
  attribute: fc
    .tuple(
      fc.integer({ min: 1, max: 30 }),
      fc.oneof({ maxDepth: 3 }, fc.uint8Array({ maxLength: 20 }), tie('list')),
      fc.constantFrom(0, 0, 0, 0, 1, -3, 1000),
    )
    .map(([type, value, lie]) => {
      const bytes = Buffer.alloc(4 + ((value.length + 3) & ~3));
      bytes.writeUInt16LE((4 + value.length + lie) & 0xffff, 0);
      bytes.writeUInt16LE(type, 2);
      bytes.set(value, 4);
      return bytes;
    }),
})).list;

describe('decoders', () => {
  it.each(decoders)('%s reads anything without throwing', (_name, decode) => {
    const header = fc.uint8Array({ maxLength: 20 });
    fc.assert(
      fc.property(
        fc.constantFrom(2, 3, 16, 17, 20, 21, 263),
        fc.nat(),
        header,
        attributes,
        (type, flags, start, rest) => {
          const payload = Buffer.concat([Buffer.from(start), rest]);
          expect(() => decode({ type, flags: flags & 0xffff, sequence: 1, payload })).not.toThrow();
        },
      ),
    );
  });

  it('decodeMessages takes a datagram apart or gives up', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (noise) => {
        for (const { payload } of decodeMessages(Buffer.from(noise))) {
          expect(payload.length).toBeLessThanOrEqual(noise.length - 16);
        }
      }),
    );
  });
});
