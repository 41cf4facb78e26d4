import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createRouteClient } from '../clients/route-client.ts';
import type { NetlinkRequest } from '../codec/message.ts';
import { encodeDeleteFlow, type FlowKey } from '../families/conntrack/flow.ts';
import { encodeListAddresses } from '../families/route/address.ts';
import { encodeDeleteLink, encodeListLinks } from '../families/route/link.ts';
import { runModule } from '../testing/child.ts';
import { openDatagramSocket } from './datagram-socket.ts';
import { openNetlink } from './open-netlink.ts';

// What npm `netlink` 0.3.0 does with each of these by itself is described in datagram-socket.ts: it ends the process.
const packageFile = (name: string): string => JSON.stringify(new URL(`../${name}`, import.meta.url).href);

function absentFlow(index: number): FlowKey {
  const tuple = { source: '10.9.0.1', sourcePort: 1 + index, destination: '10.9.0.2', destinationPort: 53 };
  const back = { source: '10.9.0.2', sourcePort: 53, destination: '10.9.0.1', destinationPort: 1 + index };
  return { family: 'IPv4', protocol: 17, original: tuple, reply: back };
}

const absentFlows = (count: number): NetlinkRequest[] =>
  Array.from({ length: count }, (_, index) => encodeDeleteFlow(absentFlow(index)));

describe('more refusals than the receive buffer takes', () => {
  it('abort a process that sends them all at once (so the provocation below is real)', async () => {
    const end = await runModule(`
      import { createRequire } from 'node:module';
      import { encodeRequest } from ${packageFile('codec/message.ts')};
      import { encodeDeleteLink } from ${packageFile('families/route/link.ts')};
      const { RawNetlinkSocket } = createRequire(${packageFile('index.ts')})('netlink/dist/raw.js');
      const socket = new RawNetlinkSocket(0, { recvBufferSize: 4096, sendBufferSize: 1 << 20 });
      socket.on('error', () => {});
      socket.on('message', () => {});
      const messages = Array.from({ length: 200 }, (_, at) =>
        encodeRequest(encodeDeleteLink({ name: 'none' }), { sequence: 1 + at, mode: 'acknowledge' }));
      socket.send(Buffer.concat(messages), undefined, () => {});
      setTimeout(() => process.exit(0), 1000);
    `);
    expect(end, end.output).toMatchObject({ signal: 'SIGABRT' });
  });

  it.each([4096, 16_384, 65_536])('do not reach a buffer of %i bytes together', async (bytes) => {
    const transport = openNetlink('netfilter', {
      open: (protocol, handlers) => openDatagramSocket(protocol, handlers, { bufferBytes: bytes }),
    });
    const result = await transport.requestAll(absentFlows(3000));
    const outcomes = result.ok ? result.value : [];
    expect(outcomes.length, result.ok ? '' : result.error.message).toBe(3000);
    expect(outcomes.filter((outcome) => outcome?.code === 'not-found').length).toBe(3000);
    transport.close();
  });

  it('do not reach a buffer of the usual size together', async () => {
    const transport = openNetlink('netfilter');
    const result = await transport.requestAll(absentFlows(30_000));
    const outcomes = result.ok ? result.value : [];
    expect(outcomes.filter((outcome) => outcome?.code === 'not-found').length).toBe(30_000);
    transport.close();
  });
});

describe('a reader that throws', () => {
  it('ends the listing with an error value', async () => {
    const transport = openNetlink('route');
    const result = await transport.dump(encodeListLinks(), () => {
      throw new Error('no');
    });
    expect(result).toMatchObject({ ok: false, error: { code: 'protocol', operation: 'RTM_GETLINK' } });
    expect((await transport.dump(encodeListLinks(), () => 1)).ok, 'the next listing').toBe(true);
    transport.close();
  });

  it('in the code that waits for an answer is an ordinary exception, not an abort', async () => {
    const end = await runModule(`
      import { createRouteClient } from ${packageFile('index.ts')};
      process.on('uncaughtException', (error) => { console.log('caught', error.message); process.exit(7); });
      await createRouteClient().listLinks();
      throw new Error('after the answer');
    `);
    expect(end, end.output).toMatchObject({ status: 7, signal: null });
  });
});

describe('a datagram that the kernel does not take', () => {
  it('is an error value, and the next one goes through', async () => {
    const transport = openNetlink('route');
    const huge = { ...encodeDeleteLink({ name: 'none' }), payload: Buffer.alloc(64 << 20) };
    const result = await transport.request(huge);
    expect(result).toMatchObject({ ok: false, error: { errnoName: 'EMSGSIZE', operation: 'RTM_DELLINK' } });
    expect((await transport.dump(encodeListLinks(), () => 1)).ok).toBe(true);
    transport.close();
  });
});

describe('listings', () => {
  it('asked for at once do not disturb each other', async () => {
    const transport = openNetlink('route');
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, at) =>
        transport.dump(at % 2 === 0 ? encodeListLinks() : encodeListAddresses(), ({ type }) => type),
      ),
    );
    for (const [at, result] of results.entries()) {
      expect(result.ok && result.value.items.length, `listing ${at}`).toBeGreaterThan(0);
      expect(result.ok && new Set(result.value.items), `listing ${at}`).toEqual(
        new Set([at % 2 === 0 ? 16 : 20]),
      );
    }
    transport.close();
  });

  it('of a table that changes under them end, with everything that was there all the time', async () => {
    const client = createRouteClient();
    const name = 'nl-intr';
    expect(await client.addLink({ name, kind: 'bridge' })).toMatchObject({ ok: true });
    const link = await client.getLink({ name });
    const linkIndex = link.ok ? link.value.index : 0;
    const address = (part: number, index: number) => ({
      family: 'IPv4' as const,
      address: `10.${part}.${index >> 8}.${index & 255}`,
      prefixLength: 32,
      linkIndex,
    });
    const range = (part: number, count: number) =>
      Array.from({ length: count }, (_, index) => address(part, index));
    const add = (list: ReturnType<typeof range>) =>
      client.applyAddresses(list.map((each) => ({ kind: 'add-address' as const, address: each })));
    expect(await add(range(200, 3000))).toMatchObject({ ok: true });
    const other = openNetlink('route');
    const [listed] = await Promise.all([
      other.dump(encodeListAddresses('IPv4'), ({ payload }) => payload.readUInt32LE(4)),
      add(range(201, 2000)),
    ]);
    const items = listed.ok ? listed.value.items.filter((index) => index === linkIndex) : [];
    expect(items.length).toBeGreaterThanOrEqual(3000);
    expect(await client.deleteLink({ name })).toMatchObject({ ok: true });
    client.close();
    other.close();
  });

  it('that are long are decoded in parts, with turns of the event loop between them', async () => {
    const client = createRouteClient();
    const name = 'nl-long';
    expect(await client.addLink({ name, kind: 'bridge' })).toMatchObject({ ok: true });
    const link = await client.getLink({ name });
    const linkIndex = link.ok ? link.value.index : 0;
    const addresses = Array.from({ length: 4000 }, (_, index) => ({
      kind: 'add-address' as const,
      address: {
        family: 'IPv4' as const,
        address: `10.202.${index >> 8}.${index & 255}`,
        prefixLength: 32,
        linkIndex,
      },
    }));
    expect(await client.applyAddresses(addresses)).toMatchObject({ ok: true });
    const loop = { turn: 0, over: false };
    const tick = (): void => {
      loop.turn++;
      if (!loop.over) setImmediate(tick);
    };
    tick();
    const transport = openNetlink('route');
    const listed = await transport.dump(encodeListAddresses('IPv4'), () => loop.turn);
    loop.over = true;
    const turns = listed.ok ? listed.value.items : [];
    expect(turns.length).toBeGreaterThanOrEqual(4000);
    const ofOneTurn = [...new Set(turns)].map((turn) => turns.filter((each) => each === turn).length);
    expect(Math.max(...ofOneTurn)).toBeLessThan(1500);
    expect(await client.deleteLink({ name })).toMatchObject({ ok: true });
    client.close();
    transport.close();
  });
});

describe('sockets', () => {
  it('that wait for nothing do not keep the process alive', async () => {
    const end = await runModule(`
      import { createRouteClient, openNetlink } from ${packageFile('index.ts')};
      const client = createRouteClient();
      const links = await client.listLinks();
      console.log('links', links.ok && links.value.length > 0);
      openNetlink('generic');
    `);
    expect(end, end.output).toMatchObject({ status: 0, output: 'links true\n' });
  });

  it('that wait for an answer do', async () => {
    const end = await runModule(`
      import { createRouteClient } from ${packageFile('index.ts')};
      void createRouteClient().listLinks().then((links) => console.log('links', links.ok));
    `);
    expect(end, end.output).toMatchObject({ status: 0, output: 'links true\n' });
  });

  it('are closed for good: a hundred transports leave no file descriptor behind', async () => {
    const descriptors = (): number => readdirSync('/proc/self/fd').length;
    const once = async (): Promise<void> => {
      const transport = openNetlink('route');
      const result = await transport.request(encodeDeleteLink({ name: 'none' }));
      expect(result).toMatchObject({ ok: false, error: { code: 'not-found' } });
      transport.close();
    };
    await once();
    const before = descriptors();
    for (let count = 0; count < 100; count += 1) await once();
    expect(descriptors()).toBeLessThanOrEqual(before);
  });
});

describe('a process without CAP_NET_ADMIN', () => {
  it('may list, and gets an error for a change', async () => {
    const source = `
      import { createRouteClient } from ${packageFile('index.ts')};
      const client = createRouteClient();
      const links = await client.listLinks();
      const added = await client.addLink({ name: 'nl-forbidden', kind: 'bridge' });
      console.log(links.ok, added.ok ? 'added' : added.error.code);
    `;
    const end = await runModule(source, ['setpriv', '--inh-caps=-net_admin', '--bounding-set=-net_admin']);
    expect(end, end.output).toMatchObject({ status: 0, output: 'true not-permitted\n' });
  });

  it('gets the error for a whole batch, and no timeout, though the kernel replies to its first message only', async () => {
    const source = `
      import { createAccountingClient } from ${packageFile('index.ts')};
      const client = createAccountingClient();
      const gone = await client.delete(['a', 'b', 'c']);
      console.log(gone.ok ? 'deleted' : gone.error.code);
    `;
    const end = await runModule(source, ['setpriv', '--inh-caps=-net_admin', '--bounding-set=-net_admin']);
    expect(end, end.output).toMatchObject({ status: 0, output: 'not-permitted\n' });
  });
});
