import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Outcome, Protocol } from '@signalbox/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Attempt } from './agent/protocol.ts';
import { runCommand } from './commands.ts';
import type { ReplayRow } from './check-replay.ts';
import { listenAll, replay, type ReplayTimeouts } from './replay.ts';
import { createWorld, type World } from './world.ts';

const PORT = 8080;
const ADDRESSES = {
  podA: ['10.244.1.5', 'fd00:10:244:1::5'],
  podB: ['10.244.1.6', 'fd00:10:244:1::6'],
  remote: ['10.244.2.7', 'fd00:10:244:2::7'],
  client: ['198.51.100.7', '2001:db8:0:c::7'],
  node: ['192.0.2.10', '2001:db8:0:2::10'],
  virtual: ['10.96.0.10', 'fd00:10:96::a'],
} as const;
type Who = keyof typeof ADDRESSES;

const held: { world: World | null } = { world: null };
function world(): World {
  if (held.world === null) throw new Error('the world was not built');
  return held.world;
}

beforeAll(async () => {
  held.world = await createWorld({
    pods: [
      { name: 'pod-5', addresses: ADDRESSES.podA },
      { name: 'pod-6', addresses: ADDRESSES.podB },
    ],
    outside: [...ADDRESSES.remote, ...ADDRESSES.client],
  });
  const sockets = [...ADDRESSES.podA, ...ADDRESSES.podB, ...ADDRESSES.remote].map((address) => ({
    address,
    port: PORT,
  }));
  await listenAll(world(), 'TCP', sockets);
  await listenAll(world(), 'UDP', sockets);
});
afterAll(() => held.world?.close());

interface Call {
  readonly protocol: Protocol;
  readonly from: string;
  readonly to: string;
  readonly port?: number;
  readonly timeout?: number;
}

async function call({ protocol, from, to, port = PORT, timeout = 10_000 }: Call): Promise<Attempt> {
  const [attempt] = await (world().hostOf(from) as NonNullable<ReturnType<World['hostOf']>>).connect({
    protocol,
    from,
    to: { address: to, port },
    tries: 1,
    timeout,
  });
  return attempt ?? { kind: 'silent' };
}

const families = [0, 1] as const;
const protocols = ['TCP', 'UDP'] as const;
const cases = protocols.flatMap((protocol) => families.map((family) => [protocol, family] as const));

describe.each(cases)('%s, family %i, no rules', (protocol, family) => {
  const pairs: readonly (readonly [Who, Who])[] = [
    ['podA', 'podB'],
    ['podA', 'remote'],
    ['remote', 'podA'],
    ['client', 'podA'],
    ['client', 'remote'],
    ['node', 'podA'],
    ['node', 'remote'],
  ];

  it.each(pairs)('%s reaches %s, which sees the real source', async (from, to) => {
    const source = ADDRESSES[from][family];
    const attempt = await call({ protocol, from: source, to: ADDRESSES[to][family] });
    expect(attempt).toMatchObject({
      kind: 'answered',
      endpoint: { address: ADDRESSES[to][family], port: PORT },
      peer: { address: source },
    });
  });

  it('a closed port of the node rejects', async () => {
    const attempt = await call({
      protocol,
      from: ADDRESSES.podA[family],
      to: ADDRESSES.node[family],
      port: 9,
    });
    expect(attempt).toEqual({ kind: 'rejected', code: 'ECONNREFUSED' });
  });

  it.each(['podB', 'remote', 'virtual'] as const)('a closed port of %s does not answer', async (who) => {
    const to = ADDRESSES[who][family];
    const attempt = await call({ protocol, from: ADDRESSES.podA[family], to, port: 9, timeout: 300 });
    expect(attempt).toEqual({ kind: 'silent' });
  });
});

/** A Service in hand-written rules: two endpoints, external clients masqueraded; port 81 rejects, port 82 drops. */
const SERVICE = `*nat
:SVC -
-A PREROUTING -d 10.96.0.10/32 -p PROTO --dport 80 -j SVC
-A OUTPUT -d 10.96.0.10/32 -p PROTO --dport 80 -j SVC
-A SVC -m statistic --mode random --probability 0.5 -j DNAT --to-destination 10.244.1.5:8080
-A SVC -p PROTO -j DNAT --to-destination 10.244.2.7:8080
-A POSTROUTING -s 198.51.100.0/24 -o cni0 -j MASQUERADE
-A POSTROUTING -s 198.51.100.0/24 -d 10.244.2.0/24 -j MASQUERADE
COMMIT
*filter
-A FORWARD -d 10.96.0.10/32 -p PROTO --dport 81 -j REJECT
-A OUTPUT -d 10.96.0.10/32 -p PROTO --dport 81 -j REJECT
-A FORWARD -d 10.96.0.10/32 -p PROTO --dport 82 -j DROP
COMMIT
`;

function forward(...texts: string[]): Outcome {
  const destinations = texts.map((text) => ({
    address: text.replace('*', ''),
    port: PORT,
    masquerade: text.endsWith('*'),
  }));
  return { kind: 'forward', destinations };
}

interface Sent {
  readonly entry: ReplayRow['entry'];
  readonly source: string;
  readonly port: number;
  readonly expected: Outcome;
  readonly sticky?: true;
}

describe.each(protocols)('replay of %s against hand-written rules', (protocol) => {
  beforeAll(async () => {
    const rules = SERVICE.replaceAll('PROTO', protocol.toLowerCase()).replace(
      '-A SVC -m',
      `-A SVC -p ${protocol.toLowerCase()} -m`,
    );
    await runCommand([...world().node.prefix, 'iptables-restore'], rules);
  });
  afterAll(async () => {
    await runCommand([...world().node.prefix, 'iptables-restore'], '*nat\nCOMMIT\n*filter\nCOMMIT\n');
  });

  const send = async (sent: Sent, timeouts?: ReplayTimeouts): Promise<readonly string[]> => {
    const { entry, source, port, expected, sticky } = sent;
    const packet = { protocol, source, inInterface: null, destination: '10.96.0.10', destinationPort: port };
    const replayed = await replay(world(), { entry, packet, expected, sticky: sticky ?? false }, timeouts);
    return replayed.kind === 'replayed' ? replayed.mismatches : [`skipped: ${replayed.reason}`];
  };
  const right: readonly Sent[] = [
    { entry: 'pod', source: '10.244.1.6', port: 80, expected: forward('10.244.1.5', '10.244.2.7') },
    { entry: 'outside', source: '198.51.100.7', port: 80, expected: forward('10.244.1.5*', '10.244.2.7*') },
    { entry: 'node', source: '192.0.2.10', port: 80, expected: forward('10.244.1.5', '10.244.2.7') },
    { entry: 'pod', source: '10.244.1.6', port: 81, expected: { kind: 'reject' } },
    { entry: 'node', source: '192.0.2.10', port: 81, expected: { kind: 'reject' } },
    { entry: 'outside', source: '198.51.100.7', port: 82, expected: { kind: 'drop' } },
    { entry: 'outside', source: '198.51.100.7', port: 83, expected: { kind: 'pass' } },
  ];
  it.each(right)('$entry $source to port $port: agrees with $expected.kind', async (sent) => {
    expect(await send(sent)).toEqual([]);
  });

  const wrong: readonly Sent[] = [
    { entry: 'pod', source: '10.244.1.6', port: 80, expected: forward('10.244.1.5') },
    { entry: 'pod', source: '10.244.1.6', port: 80, expected: forward('10.244.1.5', '10.244.2.7*') },
    { entry: 'pod', source: '10.244.1.6', port: 80, expected: { kind: 'pass' } },
    { entry: 'pod', source: '10.244.1.6', port: 81, expected: { kind: 'drop' } },
    { entry: 'pod', source: '10.244.1.6', port: 82, expected: { kind: 'reject' } },
    { entry: 'outside', source: '10.244.1.6', port: 80, expected: { kind: 'drop' } },
  ];
  it.each(wrong)('$entry $source to port $port: disagrees with $expected', async (sent) => {
    expect(await send(sent, { answer: 500, silence: 300 })).not.toEqual([]);
  });

  it('detects that a client is not kept at one endpoint', async () => {
    const expected = forward('10.244.1.5', '10.244.2.7');
    // The probability that sixteen more connections all go to the first endpoint: 1 in 65,536.
    const sent: Sent = { entry: 'pod', source: '10.244.1.6', port: 80, expected, sticky: true };
    expect([...(await send(sent)), ...(await send(sent))]).not.toEqual([]);
  });
});

describe('pods that are added and removed', () => {
  it('reaches a new pod, and no longer one that was removed', async () => {
    await world().addPod({ name: 'pod-30', addresses: ['10.244.1.30', 'fd00:10:244:1::30'] });
    for (const address of ['10.244.1.30', 'fd00:10:244:1::30']) {
      await listenAll(world(), 'TCP', [{ address, port: PORT }]);
    }
    expect(await call({ protocol: 'TCP', from: '10.244.1.5', to: '10.244.1.30' })).toMatchObject({
      kind: 'answered',
    });
    await world().removePod('pod-30');
    const gone = await call({ protocol: 'TCP', from: '10.244.1.5', to: '10.244.1.30', timeout: 300 });
    expect(gone.kind).not.toBe('answered');
  });

  it('leave no namespace when they cannot be set up', async () => {
    const before = await runCommand(['ip', 'netns', 'list']);
    const taken = world().hostOf('10.244.1.5');
    const pod = { name: 'pod-31', addresses: ['10.244.1.5'] };
    await expect(world().addPod(pod)).rejects.toThrow('failed');
    expect(world().hostOf('10.244.1.5')).toBe(taken);
    expect(world().pods.has('pod-31')).toBe(false);
    expect((await runCommand(['ip', 'netns', 'list'])).split('\n').sort()).toEqual(before.split('\n').sort());
    await world().addPod({ ...pod, addresses: ['10.244.1.31'] });
    await listenAll(world(), 'TCP', [{ address: '10.244.1.31', port: PORT }]);
    const attempt = await call({ protocol: 'TCP', from: '10.244.1.5', to: '10.244.1.31' });
    expect(attempt.kind).toBe('answered');
    await world().removePod('pod-31');
  });
});

describe('the end of a world', () => {
  const source = fileURLToPath(new URL('world.ts', import.meta.url));
  const program = (then: string): string =>
    `import { createWorld } from ${JSON.stringify(source)};
     const world = await createWorld({ pods: [{ name: 'p', addresses: ['10.244.1.2'] }], outside: [] });
     await world.pods.get('p').listen('TCP', { address: '10.244.1.2', port: 80 });
     console.log(world.node.namespace);
     ${then}`;

  async function run(then: string, signal?: NodeJS.Signals): Promise<{ namespace: string; ending: unknown }> {
    const child = spawn(process.execPath, ['--no-warnings', '--input-type=module', '-e', program(then)], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const closed = once(child, 'close');
    const [said] = (await once(child.stdout, 'data')) as [Buffer];
    if (signal !== undefined) child.kill(signal);
    const [code, endedBy] = (await closed) as [number | null, string | null];
    return { namespace: said.toString().trim(), ending: endedBy ?? code };
  }

  async function worldsOf(namespace: string): Promise<readonly string[]> {
    const prefix = namespace.replace(/node$/, '');
    const listed = await runCommand(['ip', 'netns', 'list']);
    return listed.split('\n').filter((line) => line.startsWith(prefix));
  }

  const waits = 'setInterval(() => undefined, 1000);';
  it.each([
    ['SIGINT', waits, 'SIGINT', 'SIGINT'],
    ['SIGTERM', waits, 'SIGTERM', 'SIGTERM'],
    ['an exception', 'throw new Error("on purpose");', undefined, 1],
    ['process.exit', 'process.exit(3);', undefined, 3],
  ] as const)('%s leaves no namespace behind and ends as it would have', async (_, then, signal, ending) => {
    const ended = await run(then, signal);
    expect(ended.ending).toBe(ending);
    expect(await worldsOf(ended.namespace)).toEqual([]);
  });

  it('the next world removes namespaces left after SIGKILL, and none of running processes', async () => {
    const { namespace } = await run(waits, 'SIGKILL');
    expect(await worldsOf(namespace)).not.toEqual([]);
    const other = await createWorld({ pods: [], outside: [] });
    await other.close();
    expect(await worldsOf(namespace)).toEqual([]);
    expect(await worldsOf(world().node.namespace)).not.toEqual([]);
  });
});
