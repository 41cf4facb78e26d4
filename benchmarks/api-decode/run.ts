/**
 * What an API server's answers cost to read: bytes on the wire and CPU, in JSON and in protobuf, of 4,000 endpoints:
 * `npm run bench -- api-decode [--smoke]`. Both readers are those of the program, from the bytes of the wire to objects,
 * and take turns in one process. Fails, not with --smoke, if protobuf takes more CPU.
 */
import { argv, cpuUsage, exit } from 'node:process';
import { pathToFileURL } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';

import type { WireObject } from '@signalbox/kubernetes';
import { encodeList, encodeWatchEvent, readers } from '@signalbox/kubernetes/testing';

import { sliceObject } from '../kubernetes/objects.ts';

/** Slices have ten endpoints. */
const SIZES = { smoke: { slices: 40, rounds: 5 }, full: { slices: 400, rounds: 60 } } as const;
/** As they come from a socket. */
const CHUNK = 65_536;

type Format = 'json' | 'protobuf';

interface Answer {
  readonly name: string;
  readonly bytes: Readonly<Record<Format, Buffer>>;
  /** Reads an answer to its end; the number of objects. */
  readonly read: (format: Format, chunks: readonly Buffer[]) => number;
}

/** As an API server gives it. */
function stored(object: WireObject, i: number): WireObject {
  const creationTimestamp = '2026-11-21T08:00:00Z';
  return {
    ...object,
    metadata: { ...object.metadata, creationTimestamp, resourceVersion: String(i) },
  } as WireObject;
}

function withoutManagedFields(object: WireObject): WireObject {
  const { managedFields: _, ...metadata } = object.metadata as Record<string, unknown>;
  return { ...object, metadata };
}

const TYPE = { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' };

function listOf(name: string, items: readonly WireObject[]): Answer {
  const metadata = { resourceVersion: '7' };
  const json = Buffer.from(JSON.stringify({ kind: 'EndpointSliceList', metadata, items }));
  const read = (format: Format, chunks: readonly Buffer[]): number => {
    const splitter = readers.list(format, 'EndpointSlice');
    let objects = 0;
    for (const chunk of chunks) objects += splitter.push(chunk).length;
    splitter.end();
    return objects;
  };
  return { name, bytes: { json, protobuf: encodeList(items, metadata, TYPE) }, read };
}

function watchOf(name: string, items: readonly WireObject[]): Answer {
  const json = items.map((object) => Buffer.from(`${JSON.stringify({ type: 'ADDED', object })}\n`));
  const protobuf = items.map((object) => encodeWatchEvent('ADDED', object, TYPE));
  const read = (format: Format, chunks: readonly Buffer[]): number => {
    const decoder = readers.watch(format, 'EndpointSlice');
    let objects = 0;
    for (const chunk of chunks) objects += decoder.push(chunk).events.length;
    return objects;
  };
  return { name, bytes: { json: Buffer.concat(json), protobuf: Buffer.concat(protobuf) }, read };
}

function chunksOf(bytes: Buffer): Buffer[] {
  const count = Math.ceil(bytes.length / CHUNK);
  return Array.from({ length: count }, (_, i) => bytes.subarray(i * CHUNK, (i + 1) * CHUNK));
}

/** Milliseconds of CPU of the process, collecting garbage included. */
function cpuOf(work: () => void): number {
  const before = cpuUsage();
  work();
  const { user, system } = cpuUsage(before);
  return (user + system) / 1000;
}

interface Cost {
  readonly plain: number;
  readonly zipped: number;
}

function measure(answer: Answer, rounds: number, objects: number): Record<Format, Cost> {
  const formats = ['json', 'protobuf'] as const;
  const total = { json: { plain: 0, zipped: 0 }, protobuf: { plain: 0, zipped: 0 } };
  const inputs = {
    json: { plain: chunksOf(answer.bytes.json), zipped: gzipSync(answer.bytes.json, { level: 4 }) },
    protobuf: {
      plain: chunksOf(answer.bytes.protobuf),
      zipped: gzipSync(answer.bytes.protobuf, { level: 4 }),
    },
  };
  const read = (format: Format, chunks: readonly Buffer[]): void => {
    const got = answer.read(format, chunks);
    if (got !== objects)
      throw new Error(`${answer.name}, ${format}: ${objects} objects expected, ${got} read`);
  };
  // The first rounds are those of the interpreter.
  for (let round = -3; round < rounds; round++) {
    for (const format of formats) {
      const { plain, zipped } = inputs[format];
      const cost = {
        plain: cpuOf(() => read(format, plain)),
        zipped: cpuOf(() => read(format, chunksOf(gunzipSync(zipped)))),
      };
      if (round < 0) continue;
      total[format].plain += cost.plain / rounds;
      total[format].zipped += cost.zipped / rounds;
    }
  }
  return total;
}

function report(answer: Answer, cost: Record<Format, Cost>): string {
  const of = (format: Format): string => {
    const bytes = answer.bytes[format];
    const zipped = gzipSync(bytes, { level: 4 }).length;
    return [
      `${format} ${(bytes.length / 1e6).toFixed(2)} MB ${cost[format].plain.toFixed(2)} ms,`,
      `gzip ${(zipped / 1e6).toFixed(3)} MB ${cost[format].zipped.toFixed(2)} ms`,
    ].join(' ');
  };
  const ratio = (how: keyof Cost): string => (cost.protobuf[how] / cost.json[how]).toFixed(2);
  return `api-decode: ${answer.name}: ${of('json')}; ${of('protobuf')}; protobuf/JSON ${ratio('plain')}, gzip ${ratio('zipped')}`;
}

export function runApiDecodeBenchmark(form: keyof typeof SIZES): boolean {
  const { slices, rounds } = SIZES[form];
  const all = Array.from({ length: slices }, (_, i) => stored(sliceObject(i), i + 1));
  const bare = all.map(withoutManagedFields);
  const answers = [
    listOf(`list of ${slices * 10} endpoints`, all),
    listOf('the same without managedFields', bare),
    watchOf('the same, streamed', bare),
  ];
  let cheaper = true;
  for (const answer of answers) {
    const cost = measure(answer, rounds, slices);
    console.log(report(answer, cost));
    cheaper &&= cost.protobuf.plain <= cost.json.plain && cost.protobuf.zipped <= cost.json.zipped;
  }
  return cheaper;
}

if (import.meta.url === pathToFileURL(argv[1] ?? '').href) {
  const smoke = argv.includes('--smoke');
  const cheaper = runApiDecodeBenchmark(smoke ? 'smoke' : 'full');
  exit(cheaper || smoke ? 0 : 1);
}
