/** The body of a watch: events in one encoding, compressed or not. */
import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';

export interface EventStream {
  readonly send: (type: string, object: object) => void;
  readonly end: () => void;
  /** Half an event, then the connection breaks. */
  readonly cut: () => void;
}

export function createEventStream(response: ServerResponse, zip: boolean): EventStream {
  response.writeHead(200, {
    'content-type': 'application/json',
    'transfer-encoding': 'chunked',
    ...(zip ? { 'content-encoding': 'gzip' } : {}),
  });
  response.flushHeaders();
  const { write, flush } = zip ? zippedWriter(response) : plainWriter(response);
  return {
    send: (type, object) => write(Buffer.from(`${JSON.stringify({ type, object })}\n`)),
    end() {
      flush();
      response.end();
    },
    cut() {
      write(Buffer.from('{"type":"MODIFIED","object":{"kind":"Ser'));
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
