/**
 * A temporary pod: a network namespace with one address, connected to this node by a veth pair. The namespace belongs to a child
 * process, and the pair and its routes to the namespace: the kernel removes all of them when that process ends, for whatever reason.
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { familyOf, type Family, type LocalDetector } from '@signalbox/core';
import { NO_INSPECTOR } from '../node/no-inspector-flag.ts';
import type { Attempt, ConnectRequest } from './connect.ts';
import { runIp, startProblem } from './run-ip.ts';

export interface TemporaryPod {
  /** Through which its packets reach the node: its end of the pair, or the bridge. */
  readonly inInterface: string;
  /** Its address in this family, if any. */
  source(family: Family): string | null;
  connect(request: ConnectRequest): Promise<readonly Attempt[]>;
  close(): Promise<void>;
}

export interface PodOptions {
  /** One a family. */
  readonly addresses: readonly string[];
  /** How this node recognises the packets of its pods. */
  readonly detector: LocalDetector;
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

interface Reply {
  readonly id: number;
  readonly pid?: number;
  readonly error?: string | null;
  readonly attempts?: readonly Attempt[];
}

/** Addresses of the locally administered range: no real interface has them. */
const MAC = { node: '02:53:42:00:00:01', pod: '02:53:42:00:00:02' } as const;

/** The next hop of the pod; no interface has it, since the neighbour entry names the other end of the pair. */
const GATEWAY = { IPv4: '169.254.1.1', IPv6: 'fe80::1' } as const;

/** Or the reason why there is none, in one line. */
export async function openPod(options: PodOptions): Promise<TemporaryPod | string> {
  const channel = startChild();
  const ready = await channel.ask();
  if (ready.pid === undefined) return channel.reason();
  const link = linkName(options.detector, process.pid);
  const problem = await plug(options, { channel, link, pid: ready.pid });
  const close = async (): Promise<void> => {
    await runIp([`link del ${link}`]);
    await channel.end();
  };
  if (problem !== null) {
    await close();
    return problem;
  }
  const { addresses, detector } = options;
  return {
    inInterface: detector.kind === 'interface' ? detector.name : link,
    source: (family) => addresses.find((address) => familyOf(address) === family) ?? null,
    close,
    connect: async (connect) => {
      const { attempts } = await channel.ask({ connect });
      if (attempts === undefined)
        throw new Error(`the process of the temporary pod ended: ${channel.reason()}`);
      return attempts;
    },
  };
}

/** At most 15 characters; with the prefix by which the node recognises its pods. */
export function linkName(detector: LocalDetector, pid: number): string {
  const prefix = detector.kind === 'interface-prefix' ? detector.prefix : '';
  return `${prefix}sb${pid.toString(36)}`.slice(0, 15);
}

interface Plug {
  readonly channel: Channel;
  readonly link: string;
  readonly pid: number;
}

/** Both ends of the pair, with addresses and routes; or what failed. */
async function plug(
  { addresses, detector }: PodOptions,
  { channel, link, pid }: Plug,
): Promise<string | null> {
  const bridge = detector.kind === 'interface' ? detector.name : null;
  const mac = bridge === null ? MAC.node : macOf(bridge);
  const made = await runIp([
    `link add ${link} address ${MAC.node} type veth peer name eth0 address ${MAC.pod} netns ${pid}`,
    bridge === null ? `link set ${link} up` : `link set ${link} master ${bridge} up`,
    ...(bridge === null ? addresses.flatMap((address) => nodeLines(address, link)) : []),
  ]);
  if (made !== null) return made;
  const lines = [
    'link set lo up',
    'link set eth0 up',
    ...addresses.flatMap((address) => podLines(address, mac)),
  ];
  const { error = channel.reason() } = await channel.ask({ ip: lines });
  return error;
}

function macOf(bridge: string): string {
  try {
    return readFileSync(`/sys/class/net/${bridge}/address`, 'utf8').trim();
  } catch {
    return MAC.node;
  }
}

function nodeLines(address: string, link: string): readonly string[] {
  const bits = familyOf(address) === 'IPv4' ? 32 : 128;
  return [
    `neigh add ${address} lladdr ${MAC.pod} dev ${link} nud permanent`,
    `route add ${address}/${bits} dev ${link}`,
  ];
}

function podLines(address: string, gatewayMac: string): readonly string[] {
  const family = familyOf(address);
  const gateway = GATEWAY[family];
  return [
    family === 'IPv4' ? `addr add ${address}/32 dev eth0` : `addr add ${address}/128 dev eth0 nodad`,
    `neigh add ${gateway} lladdr ${gatewayMac} dev eth0 nud permanent`,
    `route add default via ${gateway} dev eth0 onlink`,
  ];
}

interface Channel {
  /** Without a request: the first line, which the child sends by itself. A reply without a value: it has ended. */
  ask(request?: { readonly connect: ConnectRequest } | { readonly ip: readonly string[] }): Promise<Reply>;
  /** Why it ended. */
  reason(): string;
  end(): Promise<void>;
}

function childFile(): string {
  const built = import.meta.url.endsWith('.js');
  return fileURLToPath(new URL(built ? './connect-child.js' : './connect-child.ts', import.meta.url));
}

function startChild(): Channel {
  const words = ['--net', '--', process.execPath, ...NO_INSPECTOR, childFile()];
  const child: Child = spawn('unshare', words, { stdio: ['pipe', 'pipe', 'pipe'] });
  const waiting = new Map<number, (reply: Reply) => void>();
  const state = { next: 0, complaint: '', hasEnded: false };
  const ended = new Promise<void>((resolve) => {
    const finish = (): void => {
      state.hasEnded = true;
      for (const [id, settle] of waiting) settle({ id });
      resolve();
    };
    child.on('error', (error) => {
      state.complaint = startProblem('unshare', error);
      finish();
    });
    child.on('close', finish);
  });
  child.stdin.on('error', () => undefined); // it has ended: what was asked is answered by that
  child.stderr.on('data', (chunk) => (state.complaint += String(chunk)));
  createInterface({ input: child.stdout }).on('line', (line) => {
    const reply = JSON.parse(line) as Reply;
    waiting.get(reply.id)?.(reply);
    waiting.delete(reply.id);
  });
  return {
    ask: (request) =>
      new Promise((resolve) => {
        const id = request === undefined ? 0 : (state.next += 1);
        if (state.hasEnded) return resolve({ id });
        waiting.set(id, resolve);
        if (request !== undefined) child.stdin.write(`${JSON.stringify({ id, ...request })}\n`);
      }),
    reason: () => state.complaint.trim().split('\n')[0] || 'the process in the network namespace ended',
    end: () => {
      child.stdin.end();
      return ended;
    },
  };
}
