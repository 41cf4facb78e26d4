import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from './commands.ts';
import type { Host } from './host.ts';
import type { ReplayRow } from './check-replay.ts';
import { listenAll } from './replay.ts';
import { repeatedSyns, whileConnecting, type Streams } from './streams.ts';
import { createWorld, type World } from './world.ts';

const SERVER = { address: '10.244.1.5', port: 8080 } as const;
const ROW: ReplayRow = {
  entry: 'pod',
  packet: {
    protocol: 'TCP',
    source: '10.244.1.20',
    inInterface: 'cni0',
    destination: SERVER.address,
    destinationPort: SERVER.port,
  },
  expected: { kind: 'forward', destinations: [{ ...SERVER, masquerade: false }] },
  sticky: false,
};
/** A second takes a few hundred of them. */
const MOST_LOOKS = 20_000;

const held: { world: World | null } = { world: null };
const world = (): World => held.world as World;
const pod = (number: number): Host => world().pods.get(`pod-${number}`) as Host;

beforeAll(async () => {
  held.world = await createWorld({
    pods: [
      { name: 'pod-5', addresses: [SERVER.address] },
      { name: 'pod-20', addresses: ['10.244.1.20'] },
    ],
    outside: [],
  });
  await listenAll(world(), 'TCP', [SERVER]);
});
afterAll(() => held.world?.close());

/** No SYN passes `at` until `sufferer` had to send one again. */
async function loseSyns(at: Host, chain: string, sufferer: Host): Promise<void> {
  const rule = (...how: string[]): Promise<string> =>
    runCommand([...at.prefix, 'iptables', ...how, '-p', 'tcp', '--syn', '-j', 'DROP']);
  const before = await repeatedSyns(sufferer);
  await rule('-I', chain);
  for (let looks = 0; (await repeatedSyns(sufferer)) === before; looks++) {
    if (looks === MOST_LOOKS) throw new Error(`${sufferer.name} sent no SYN again`);
  }
  await rule('-D', chain);
}

async function untilMany(streams: Streams): Promise<void> {
  const enough = streams.fewest() + 50;
  for (let looks = 0; streams.fewest() < enough && looks < MOST_LOOKS; looks++) await repeatedSyns(pod(5));
}

describe('connections during an action', () => {
  it('are unharmed by an action that changes nothing', async () => {
    const report = await whileConnecting(world(), [ROW], untilMany);
    expect(report).toMatchObject({ problems: [], tooSlow: false });
    expect(report.fewest).toBeGreaterThanOrEqual(50);
  });

  it('are harmed by a node that loses SYNs, although each is answered in the end', async () => {
    const { problems, tooSlow } = await whileConnecting(world(), [ROW], async (streams) => {
      await untilMany(streams);
      await loseSyns(world().node, 'FORWARD', pod(20));
    });
    expect(problems).toEqual([expect.stringMatching(/^pod-20 had to send \d SYNs again$/)]);
    expect(tooSlow).toBe(false);
  });

  it('are inconclusive when connections that bypass the node wait as long', async () => {
    const { problems, tooSlow } = await whileConnecting(world(), [ROW], async (streams) => {
      await untilMany(streams);
      await Promise.all([loseSyns(world().node, 'FORWARD', pod(20)), loseSyns(pod(5), 'INPUT', pod(5))]);
    });
    expect(problems).toEqual([expect.stringMatching(/^pod-20 had to send \d SYNs again$/)]);
    expect(tooSlow).toBe(true);
  });
});
