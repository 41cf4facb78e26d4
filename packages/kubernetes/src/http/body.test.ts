import type { IncomingMessage } from 'node:http';
import { PassThrough, type Readable } from 'node:stream';
import { constants, createGzip, gzipSync } from 'node:zlib';

import { createManualClock } from '@signalbox/core/testing';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { decodedBody, readBody } from './body.ts';

/** An answer whose bytes the test sends. */
function zipped(): { readonly wire: PassThrough; readonly body: Readable } {
  const wire = new PassThrough();
  const response = Object.assign(wire, { headers: { 'content-encoding': 'gzip' } });
  return { wire, body: decodedBody(response as unknown as IncomingMessage) };
}

const LIMITS = { idleMs: () => 1_000, totalMs: 10_000 };

interface Reading {
  readonly text: () => string;
  readonly ended: ReturnType<typeof readBody>;
}

function read(body: Readable): Reading {
  let text = '';
  const ended = readBody(body, createManualClock(), LIMITS, (chunk) => {
    text += chunk.toString();
    return undefined;
  });
  return { text: () => text, ended };
}

/** Each piece with all that a decompressor needs for it, as `gzip.Writer.Flush` writes it: one member, without its end. */
async function flushed(pieces: readonly string[]): Promise<Buffer[]> {
  const gzip = createGzip();
  const parts: Buffer[] = [];
  for (const piece of pieces) {
    gzip.write(piece);
    await new Promise<void>((resolve) => gzip.flush(constants.Z_SYNC_FLUSH, resolve));
    parts.push(gzip.read() as Buffer);
  }
  gzip.destroy();
  return parts;
}

describe('a compressed stream', () => {
  it.each([
    [
      'members of one flush each, as API servers send them',
      (all: string[]) => all.map((text) => gzipSync(text)),
    ],
    ['one member that is flushed, as proxies send it', flushed],
  ])('of %s is read as it comes', async (_, compress) => {
    const lines = Array.from({ length: 20 }, (_line, i) => `${i} ${'x'.repeat(i * 50)}\n`);
    const { wire, body } = zipped();
    const reading = read(body);
    let sent = '';
    for (const [i, part] of (await compress(lines)).entries()) {
      wire.write(part);
      sent += lines[i] ?? '';
      await expect.poll(reading.text, { interval: 1 }).toBe(sent);
    }
    wire.destroy();
    expect(await reading.ended).toMatchObject({ code: 'connection-lost' });
  });

  it('of several members is read to its end, wherever the chunks end', async () => {
    const member = fc.string({ maxLength: 300 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(member, { minLength: 1, maxLength: 5 }),
        fc.array(fc.nat()),
        async (texts, at) => {
          const bytes = Buffer.concat(texts.map((text) => gzipSync(text)));
          const ends = [...at.map((p) => p % bytes.length), bytes.length].sort((a, b) => a - b);
          const { wire, body } = zipped();
          const reading = read(body);
          for (const [i, end] of ends.entries()) wire.write(bytes.subarray(ends[i - 1] ?? 0, end));
          wire.end();
          expect(await reading.ended).toBeNull();
          expect(reading.text()).toBe(texts.join(''));
        },
      ),
      { numRuns: 50 },
    );
  });

  it('that ends within a member is a connection that broke', async () => {
    const { wire, body } = zipped();
    const reading = read(body);
    wire.end(gzipSync('a line\n').subarray(0, -9));
    expect(await reading.ended).toMatchObject({ code: 'connection-lost' });
  });
});
