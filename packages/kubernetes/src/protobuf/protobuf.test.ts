import { createModel, RESOURCES, type Model, type ModelConfig, type Resource } from '@signalbox/core';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { OBJECT_LIMIT, TooLargeError } from '../http/limits.ts';
import {
  encodeEnvelope,
  encodeList,
  encodeMessage,
  encodeObject,
  encodeWatchEvent,
  field,
  varint,
} from '../testing/protobuf-encode.ts';
import { SCHEMAS } from '../testing/protobuf-schema.ts';
import { anyObject, type Json } from '../testing/any-object.ts';
import { ProtobufError } from './cursor.ts';
import { createFrameSplitter, decodeObject, decodeWatchEvent } from './envelope.ts';
import { createProtobufListSplitter } from './list-splitter.ts';

const typeOf = (kind: Resource) => ({ kind, apiVersion: 'v1' });
const anyResource = fc.constantFrom(...RESOURCES);
const anyOf = (resource: Resource): fc.Arbitrary<Json> => anyObject[resource];
const placesOf = fc.array(fc.nat(), { maxLength: 12 });

/** The bytes cut at arbitrary places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...places.map((p) => p % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return ends.map((end, i) => bytes.subarray(i === 0 ? 0 : ends[i - 1], end));
}

/** The part of the object that is also in `part`; empty lists and nulls count as absent. */
function likeness(whole: unknown, part: unknown): unknown {
  if (Array.isArray(part) && Array.isArray(whole)) {
    return whole.map((item, i) => likeness(item, part[i] ?? {}));
  }
  if (typeof part !== 'object' || part === null || typeof whole !== 'object' || whole === null) return whole;
  const from = whole as Record<string, unknown>;
  return Object.fromEntries(Object.entries(part).map(([name, value]) => [name, likeness(from[name], value)]));
}

const CONFIG: ModelConfig = {
  nodeName: 'node-a',
  localDetection: { mode: 'NodeCIDR' },
  masqueradeAll: false,
  nodePortAddresses: [],
  localhostNodePorts: false,
  externalIPs: true,
  nodeIPOverride: null,
};

function modelOf(events: readonly (readonly [Resource, unknown])[]): readonly [Model, unknown] {
  const model = createModel(CONFIG);
  const problems = events.flatMap(([resource, object]) => model.apply({ type: 'upsert', resource, object }));
  return [model, problems];
}

describe('decodeObject', () => {
  it('gives the same values as JSON for every field that it decodes', () => {
    const any = anyResource.chain((kind) => fc.tuple(fc.constant(kind), anyOf(kind)));
    fc.assert(
      fc.property(any, ([kind, object]) => {
        const decoded = decodeObject(encodeObject(object, typeOf(kind)), kind);
        expect(decoded).toEqual(likeness({ ...object, ...typeOf(kind) }, decoded));
      }),
      { numRuns: 300 },
    );
  });

  it('decodes every field that the core reads: the desired state equals that from JSON', () => {
    const objects = fc.array(
      anyResource.chain((kind) => fc.tuple(fc.constant(kind), anyOf(kind))),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(objects, (all) => {
        const [json, problems] = modelOf(all);
        const decoded = all.map(
          ([kind, object]) => [kind, decodeObject(encodeObject(object, typeOf(kind)), kind)] as const,
        );
        const [protobuf, others] = modelOf(decoded);
        expect(others).toEqual(problems);
        for (const family of ['IPv4', 'IPv6'] as const) {
          expect(protobuf.state(family)).toEqual(json.state(family));
        }
        expect(protobuf.conflicts()).toEqual(json.conflicts());
      }),
      { numRuns: 200 },
    );
  });

  it('gives a Status in place of an object', () => {
    const status = {
      kind: 'Status',
      message: 'no',
      reason: 'Expired',
      code: 410,
      details: { retryAfterSeconds: 3 },
    };
    expect(decodeObject(encodeObject(status, typeOf('Node')), 'Node')).toEqual({
      ...status,
      apiVersion: 'v1',
    });
  });

  const envelope = (raw: Buffer): Buffer => encodeEnvelope(typeOf('Service'), raw);
  const rows: readonly (readonly [title: string, bytes: Buffer, message: string])[] = [
    ['what is JSON', Buffer.from('{"kind":"Service"}'), 'it does not begin with k8s\\0'],
    ['nothing', Buffer.alloc(0), 'it does not begin with k8s\\0'],
    ['another kind', encodeObject({}, typeOf('Node')), 'it is a Node, not a Service'],
    ['a group', envelope(Buffer.from([0x0b, 0x0c])), 'field 1 has wire type 3, not 2'],
    ['a group that is not used', envelope(Buffer.from([0x7b, 0x7c])), 'field 15 has wire type 3, which'],
    [
      'an unknown wire type',
      envelope(Buffer.from([0x7f])),
      'field 15 has wire type 7, which Kubernetes does not use',
    ],
    ['a number in place of a message', envelope(field(1, 7)), 'field 1 has wire type 0, not 2'],
    ['field 0', envelope(Buffer.from([0x00, 0x01])), 'field 0'],
    ['a length without end', envelope(Buffer.from([0x0a, 0x80])), 'it ends within a number'],
    ['a length beyond the end', envelope(Buffer.from([0x0a, 5, 1])), 'a field of 5 bytes where 1 are left'],
    ['a fixed number that is cut', envelope(Buffer.from([0x79, 1, 2])), 'it ends within a number'],
    [
      'a number of 11 bytes',
      envelope(Buffer.from([0x78, ...Array<number>(10).fill(0xff), 1])),
      'a varint of more',
    ],
    [
      'a year that no date can have',
      envelope(field(1, field(8, field(1, 1e15)))),
      'creationTimestamp is 1000000000000000 seconds from 1970',
    ],
  ];
  it.each(rows)('refuses %s', (_, bytes, message) => {
    const decode = (): unknown => decodeObject(bytes, 'Service');
    expect(decode).toThrow(ProtobufError);
    expect(decode).toThrow(message);
  });

  it('rejects an object that is cut anywhere, or decodes a part of it, and throws no other error', () => {
    fc.assert(
      fc.property(anyOf('Service'), fc.nat(), fc.option(fc.nat({ max: 255 })), (object, place, byte) => {
        const bytes = encodeObject(object, typeOf('Service'));
        const damaged = Buffer.from(byte === null ? bytes.subarray(0, place % bytes.length) : bytes);
        if (byte !== null) damaged[place % bytes.length] = byte;
        try {
          decodeObject(damaged, 'Service');
        } catch (error) {
          expect(error).toBeInstanceOf(ProtobufError);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('skips fields of later versions, of every wire type', () => {
    const later = Buffer.concat([
      field(40, 1),
      field(41, Buffer.from('new')),
      Buffer.from([...varint(42 * 8 + 1), 1, 2, 3, 4, 5, 6, 7, 8]),
      Buffer.from([...varint(43 * 8 + 5), 1, 2, 3, 4]),
      field(2 ** 29 - 1, 2n ** 63n),
    ]);
    const cidr = { metadata: { name: 'a' }, spec: { cidrs: ['10.96.0.0/16'] } };
    const raw = Buffer.concat([later, encodeMessage(cidr, SCHEMAS.ServiceCIDR), later]);
    const type = typeOf('ServiceCIDR');
    expect(decodeObject(encodeEnvelope(type, raw), 'ServiceCIDR')).toEqual({ ...type, ...cidr });
  });

  it.each([0, 1, -1, 65_535, 2 ** 31 - 1, -(2 ** 31)])('reads the number %d', (port) => {
    const slice = { addressType: 'IPv4', metadata: {}, ports: [{ port }] };
    const bytes = encodeObject(slice, typeOf('EndpointSlice'));
    expect(decodeObject(bytes, 'EndpointSlice')).toMatchObject({ ports: [{ port }] });
  });

  it.each(['2026-11-30T01:02:03Z', '1969-12-31T23:59:59Z', '0001-01-01T00:00:00Z', '9999-12-31T23:59:59Z'])(
    'reads the time %s',
    (creationTimestamp) => {
      const bytes = encodeObject({ metadata: { creationTimestamp } }, typeOf('Node'));
      expect(decodeObject(bytes, 'Node')).toMatchObject({ metadata: { creationTimestamp } });
    },
  );
});

describe('createProtobufListSplitter', () => {
  it('gives every item and the list around them, wherever the chunks end', () => {
    const lists = anyResource.chain((kind) =>
      fc.tuple(fc.constant(kind), fc.array(anyOf(kind), { maxLength: 6 })),
    );
    fc.assert(
      fc.property(lists, placesOf, ([kind, all], places) => {
        const metadata = { resourceVersion: '7', continue: 'page-2', remainingItemCount: 4 };
        const splitter = createProtobufListSplitter(kind);
        const bytes = encodeList(all, metadata, typeOf(kind));
        const items = cut(bytes, places).flatMap((chunk) => splitter.push(chunk));
        const {
          apiVersion: _version,
          kind: _kind,
          ...first
        } = decodeObject(encodeObject(all[0] ?? {}, typeOf(kind)), kind);
        expect(items).toHaveLength(all.length);
        if (all.length > 0) expect(items[0]).toEqual(first);
        expect(splitter.end()).toEqual({
          kind: `${kind}List`,
          apiVersion: 'v1',
          metadata: { resourceVersion: '7', continue: 'page-2' },
        });
      }),
    );
  });

  it('does not accept a truncated list as complete, even with all its items', () => {
    const nodes = ['a', 'b'].map((name) => ({ metadata: { name } }));
    const bytes = encodeList(nodes, { resourceVersion: '7' }, typeOf('Node'));
    // Behind the items: contentEncoding and contentType, which are empty.
    for (let to = 0; to < bytes.length - 4; to++) {
      const splitter = createProtobufListSplitter('Node');
      const isComplete = (): boolean => {
        splitter.push(bytes.subarray(0, to));
        return (splitter.end() as { metadata?: unknown }).metadata !== undefined;
      };
      let complete = false;
      try {
        complete = isComplete();
      } catch (error) {
        expect(error).toBeInstanceOf(ProtobufError);
      }
      expect(complete, `${to} bytes of ${bytes.length}`).toBe(false);
    }
  });

  it.each([
    ['JSON', Buffer.from('{"kind":"NodeList","items":[]}')],
    ['a field that goes beyond the list', encodeEnvelope(typeOf('Node'), Buffer.from([0x12, 9, 1]))],
    ['a list that ends within a tag', encodeEnvelope(typeOf('Node'), Buffer.from([0x80]))],
    ['a group', encodeEnvelope(typeOf('Node'), Buffer.from([0x0b, 0x0c]))],
  ])('refuses %s', (_, bytes) => {
    expect(() => createProtobufListSplitter('Node').push(bytes)).toThrow(ProtobufError);
  });

  const MIB = Buffer.alloc(1 << 20, 'a');
  const taken = (splitter: { push(chunk: Buffer): unknown }, head: Buffer): number => {
    splitter.push(head);
    for (let mib = 0; mib < 1_000; mib++) {
      try {
        splitter.push(MIB);
      } catch (error) {
        expect(error).toBeInstanceOf(TooLargeError);
        return mib;
      }
    }
    return 1_000;
  };
  const open = (...parts: readonly (Buffer | number[])[]): Buffer =>
    Buffer.concat([Buffer.from('k8s\0'), ...parts.map((part) => Buffer.from(part))]);
  const huge = varint(2 ** 40);

  it('refuses an item, an envelope and a list without end', () => {
    const list = [0x12, ...varint(2 ** 41)];
    expect(taken(createProtobufListSplitter('Node'), open(list, [0x12], huge))).toBe(16);
    expect(taken(createProtobufListSplitter('Node'), open(list, [0x0a], huge))).toBe(1);
    expect(taken(createProtobufListSplitter('Node'), open([0x0a], huge))).toBe(1);
    expect(taken(createProtobufListSplitter('Node', 8 << 20), open([0x1a], huge))).toBe(7);
  });
});

describe('createFrameSplitter', () => {
  it('gives whole frames, wherever the chunks end', () => {
    const frame = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 5 }), placesOf, (frames, places) => {
        const bytes = Buffer.concat(
          frames.flatMap((body) => {
            const length = Buffer.alloc(4);
            length.writeUInt32BE(body.length);
            return [length, body];
          }),
        );
        const splitter = createFrameSplitter();
        const got = cut(bytes, places).flatMap((chunk) =>
          splitter.push(chunk).map((part) => Buffer.from(part)),
        );
        expect(got).toEqual(frames);
      }),
    );
  });

  it('refuses a frame by its length, before its bytes come', () => {
    const splitter = createFrameSplitter();
    expect(splitter.push(Buffer.from([0x01, 0x00, 0x00]))).toEqual([]);
    expect(() => splitter.push(Buffer.from([0x01]))).toThrow('a watch event is larger than 16 MiB');
    expect(() => createFrameSplitter(OBJECT_LIMIT).push(Buffer.from([0x01, 0, 0, 0]))).not.toThrow();
  });
});

describe('decodeWatchEvent', () => {
  it('gives the event as JSON has it', () => {
    const object = { metadata: { name: 'a', resourceVersion: '5' } };
    const frame = encodeWatchEvent('MODIFIED', object, typeOf('Node')).subarray(4);
    const decoded = decodeWatchEvent(frame, 'Node');
    expect(decoded).toEqual({
      type: 'MODIFIED',
      object: { kind: 'Node', apiVersion: 'v1', ...object, spec: {}, status: {} },
    });
  });

  it('gives no object where the frame has none', () => {
    expect(decodeWatchEvent(field(1, Buffer.from('ADDED')), 'Node')).toEqual({ type: 'ADDED' });
  });
});
