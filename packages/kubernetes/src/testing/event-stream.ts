/** The body of a watch: events in one encoding, compressed or not. */
import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';

import { PROTOBUF } from '../http/formats.ts';
import { acceptsProtobuf } from './answers.ts';
import { encodeWatchEvent } from './protobuf-encode.ts';

export interface EventStream {
  readonly send: (type: string, object: object) => void;
  readonly end: () => void;
  /** Half an event, then the connection breaks. */
  readonly cut: () => void;
}

export interface StreamOptions {
  readonly zip: boolean;
  readonly type: { readonly apiVersion: string; readonly kind: string };
}

export function createEventStream(response: ServerResponse, { zip, type }: StreamOptions): EventStream {
  const inProtobuf = acceptsProtobuf(response.req);
  response.writeHead(200, {
    'content-type': inProtobuf ? `${PROTOBUF};stream=watch` : 'application/json',
    'transfer-encoding': 'chunked',
    ...(zip ? { 'content-encoding': 'gzip' } : {}),
  });
  response.flushHeaders();
  const { write, flush } = zip ? zippedWriter(response) : plainWriter(response);
  const encode = (event: string, object: object): Buffer =>
    inProtobuf
      ? encodeWatchEvent(event, object, type)
      : Buffer.from(`${JSON.stringify({ type: event, object })}\n`);
  return {
    send: (event, object) => write(encode(event, object)),
    end() {
      flush();
      response.end();
    },
    cut() {
      write(encode('MODIFIED', { kind: type.kind }).subarray(0, -5));
      flush();
      response.destroy();
    },
  };
}

interface Writer {
  readonly write: (bytes: Buffer) => void;
  readonly flush: () => void;
}

function plainWriter(response: ServerResponse): Writer {
  return { write: (bytes) => void response.write(bytes), flush: () => undefined };
}

/** As API servers from 1.37 on: flushed when no further event waits, and each flush ends a member of the gzip stream. */
function zippedWriter(response: ServerResponse): Writer {
  let waiting: Buffer[] = [];
  const flush = (): void => {
    if (waiting.length > 0) response.write(gzipSync(Buffer.concat(waiting), { level: 1 }));
    waiting = [];
  };
  return {
    write(bytes) {
      if (waiting.push(bytes) === 1) queueMicrotask(flush);
    },
    flush,
  };
}
