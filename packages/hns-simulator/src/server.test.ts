import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { HR } from './hresult.ts';
import { startHnsServer, type HnsServer } from './server.ts';
import { encodeReply, guidFromBytes, parseRequest, splitFrames } from './wire.ts';

function field(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function frame(name: string, ...fields: readonly Buffer[]): Buffer {
  return field(Buffer.concat([field(Buffer.from(name)), ...fields.map(field)]));
}

const wide = (text: string): Buffer => Buffer.from(text, 'utf16le');

describe('the wire', () => {
  it('GUIDs come as the struct lies in memory', () => {
    const bytes = Buffer.from('d6e05038b13bf84fae63c6b0c64692b0', 'hex');
    expect(guidFromBytes(bytes)).toBe('3850E0D6-3BB1-4FF8-AE63-C6B0C64692B0');
  });

  it('frames may come in any pieces', () => {
    const whole = Buffer.concat([frame('A', wide('x')), frame('B')]);
    let rest: Buffer = Buffer.alloc(0);
    const names: string[] = [];
    for (const byte of whole) {
      const split = splitFrames(Buffer.concat([rest, Buffer.from([byte])]));
      rest = split.rest;
      names.push(...split.frames.map((entry) => parseRequest(entry).name));
    }
    expect(names).toEqual(['A', 'B']);
  });

  it('each function has its kinds of arguments', () => {
    const handle = Buffer.alloc(8);
    handle.writeBigUInt64LE(7n);
    const [request] = splitFrames(frame('HcnCreateEndpoint', handle, Buffer.alloc(16), wide('{}'))).frames;
    expect(parseRequest(request ?? Buffer.alloc(0)).args).toEqual([
      7,
      '00000000-0000-0000-0000-000000000000',
      '{}',
    ]);
  });

  it('a null pointer is no empty text', () => {
    const reply = encodeReply({ hr: HR.portAlreadyExists, record: '' });
    expect(reply.readUInt32LE(4)).toBe(0x803b_0013);
    expect(reply.readUInt32LE(16)).toBe(0xffff_ffff);
    expect(reply.readUInt32LE(20)).toBe(0);
  });
});

describe('the server', () => {
  const open: (HnsServer | Socket)[] = [];
  afterEach(async () => {
    for (const item of open.splice(0)) {
      if ('destroy' in item) item.destroy();
      else await item.close();
    }
  });

  async function talk(port: number, data: Buffer | string): Promise<Buffer> {
    const socket = connect(port, '127.0.0.1');
    open.unshift(socket);
    socket.write(data);
    return new Promise((resolve, reject) => {
      socket.once('data', resolve);
      socket.once('error', reject);
    });
  }

  it('answers calls on one port and commands of the test on the other', async () => {
    const server = await startHnsServer();
    open.push(server);
    const added = await talk(server.controlPort, '{"do":"addNetwork","args":[{"Name":"cbr0"}]}\n');
    const { value } = JSON.parse(added.toString()) as { readonly value: string };
    const reply = await talk(
      server.port,
      frame('HcnEnumerateNetworks', wide('{"Filter":"{\\"Name\\":\\"cbr0\\"}"}')),
    );
    expect(reply.readUInt32LE(4)).toBe(HR.ok);
    expect(reply.subarray(20).toString('utf16le').toUpperCase()).toContain(value);
  });

  it('reports a request that it does not understand', async () => {
    const server = await startHnsServer();
    open.push(server);
    expect((await talk(server.controlPort, '{"do":"dance"}\n')).toString()).toContain(
      'no such request: dance',
    );
  });
});
