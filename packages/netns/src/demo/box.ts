/** The node of the demo: the world, the pods that the manifests name, and the proxy. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import path from 'node:path';
import { isLocalPod } from '../addresses.ts';
import { runCommand } from '../commands.ts';
import { createWorld, type World } from '../world.ts';
import { OUTSIDE_CLIENT, POD_CLIENT } from './distribution.ts';
import type { DemoEndpoint, DemoObjects } from './objects.ts';
import { endOfLog, hasEnded } from './proxy-process.ts';

const CLUSTER_CIDR = '10.244.0.0/16,fd00:10:244::/56';

export function buildWorld({ endpoints }: DemoObjects): Promise<World> {
  const remote = endpoints.map(({ at }) => at.address).filter((address) => !isLocalPod(address));
  return createWorld({ pods: [POD_CLIENT], outside: [...new Set([...remote, ...OUTSIDE_CLIENT.addresses])] });
}

/**
 * Starts the pods of this node that the manifests name and that do not run yet, and makes every endpoint
 * answer. Returns the addresses that no host of the demo has.
 */
export async function ensurePods(
  world: World,
  endpoints: readonly DemoEndpoint[],
): Promise<readonly string[]> {
  const missing = endpoints.filter(
    ({ at }) => isLocalPod(at.address) && world.hostOf(at.address) === undefined,
  );
  for (const name of new Set(missing.map(({ pod }) => pod))) {
    const own = missing
      .map(({ pod, at }) => ({ pod, address: at.address }))
      // An address can be listed twice, under two names: the first pod has it.
      .filter(({ pod, address }) => pod === name && world.hostOf(address) === undefined)
      .map(({ address }) => address);
    if (own.length === 0) continue;
    const unique = world.pods.has(name) ? `${name}-${own[0] ?? ''}` : name;
    await world.addPod({ name: unique, addresses: [...new Set(own)] });
  }
  const unassigned = endpoints.filter(({ at }) => world.hostOf(at.address) === undefined);
  const there = endpoints.filter((endpoint) => !unassigned.includes(endpoint));
  for (const { protocol, at } of there) await world.hostOf(at.address)?.listen(protocol, at);
  return unassigned.map(({ at }) => at.address);
}

export interface ProxyFiles {
  /** The main file of the built proxy, beside the others of the build. */
  readonly bundle: string;
  /** The folder. */
  readonly manifests: string;
}

export interface ProxyProcess {
  readonly pid: number;
  readonly logFile: string;
  /** Once it has ended: why, with the last lines of its log. */
  ended(): string | undefined;
  /** Ends it and waits. */
  stop(): Promise<void>;
}

function explainEnd(child: ChildProcess, logFile: string): string | undefined {
  if (!hasEnded(child)) return undefined;
  return `signalbox ended (${child.signalCode ?? `exit ${child.exitCode}`}):\n${endOfLog(logFile)}`;
}

/** Starts the proxy inside the node; its log goes to a file beside the manifests. */
export function startProxy(world: World, { bundle, manifests }: ProxyFiles): ProxyProcess {
  const logFile = path.join(path.dirname(manifests), 'signalbox.log');
  const log = openSync(logFile, 'a');
  const flags = [
    '--proxy-mode=iptables',
    `--manifests=${manifests}`,
    '--hostname-override=node-a',
    `--cluster-cidr=${CLUSTER_CIDR}`,
    // The size of the connection table is set per machine, not per namespace.
    '--conntrack-max-per-core=0',
  ];
  const [command = '', ...prefix] = world.node.prefix;
  const child = spawn(command, [...prefix, process.execPath, bundle, ...flags], {
    stdio: ['ignore', log, log],
  });
  const closed = once(child, 'close');
  return {
    pid: child.pid ?? 0,
    logFile,
    ended: () => explainEnd(child, logFile),
    async stop() {
      if (!hasEnded(child)) child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
      await closed;
      clearTimeout(timer);
    },
  };
}

export interface RuleCount {
  readonly family: 'IPv4' | 'IPv6';
  readonly rules: number;
  readonly chains: number;
}

/** Owned by kubelet: proxies add a rule to it, and do not remove it. */
const KUBELET_CHAIN = 'KUBE-FIREWALL';

/** What the kernel of the node holds for services, as its own tool lists it. */
export async function countRules(world: World): Promise<readonly RuleCount[]> {
  const tools = [
    ['IPv4', 'iptables-save'],
    ['IPv6', 'ip6tables-save'],
  ] as const;
  return Promise.all(
    tools.map(async ([family, tool]) => {
      const all = (await runCommand([...world.node.prefix, tool])).split('\n');
      const lines = all.filter((line) => !line.includes(KUBELET_CHAIN));
      const rules = lines.filter((line) => line.startsWith('-A KUBE-') || line.includes('-j KUBE-')).length;
      return { family, rules, chains: lines.filter((line) => line.startsWith(':KUBE-')).length };
    }),
  );
}

/** `signalbox --cleanup`, as an administrator would run it. */
export async function cleanUpRules(world: World, bundle: string): Promise<void> {
  await runCommand([...world.node.prefix, process.execPath, bundle, '--cleanup']);
}
