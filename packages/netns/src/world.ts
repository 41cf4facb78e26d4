/** Builds the world of the scenarios out of network namespaces, and removes it again. */
import { NODE_ADDRESSES, type PodSpec, withoutPrefix, type WorldSpec } from './addresses.ts';
import { removeAtExit, sweep, worldPrefix } from './cleanup.ts';
import { ipBatch, ipBatchIn, runCommand } from './commands.ts';
import { createHost, type Host } from './host.ts';
import { attachPod, nodeSetup, outsideCable, outsideSetup, podCable, podSetup } from './layout.ts';
import { setUpScript, type Wiring } from './script.ts';

export interface World {
  /** The node: eth0 to the external network, cni0 to its pods. */
  readonly node: Host;
  /** All hosts behind eth0. */
  readonly outside: Host;
  /** Pods of the node, by name. */
  readonly pods: ReadonlyMap<string, Host>;
  /** The host that has this address, if any. */
  hostOf(address: string): Host | undefined;
  /** Adds a pod. */
  addPod(pod: PodSpec): Promise<Host>;
  /** Removes a pod at once, without closing its connections. */
  removePod(name: string): Promise<void>;
  /** Closes all listeners. */
  forgetListeners(): Promise<void>;
  /** Removes every namespace. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

interface Parts {
  readonly prefix: string;
  readonly node: Host;
  readonly outside: Host;
  readonly pods: Map<string, Host>;
  /** Number of the next bridge port. */
  nextLink: number;
}

/** Namespaces, veth pairs and routes of pods that are added. */
function plug(parts: Parts, pods: readonly PodSpec[]): Wiring {
  const node = parts.node.namespace;
  const made = pods.map((pod) => {
    const namespace = `${parts.prefix}${pod.name}`;
    const link = parts.nextLink;
    parts.nextLink += 1;
    parts.pods.set(pod.name, createHost(pod.name, namespace, pod.addresses));
    return { pod, namespace, link };
  });
  return {
    setups: made.map(({ pod, namespace }) => podSetup(namespace, pod)),
    cables: made.map(({ namespace, link }) => podCable(node, namespace, link)),
    ends: [{ namespace: node, ip: made.flatMap(({ pod, link }) => attachPod(pod, link)) }],
  };
}

async function setUp(wiring: Wiring): Promise<void> {
  await runCommand(['sh', '-e'], setUpScript(wiring));
}

async function build(parts: Parts, spec: WorldSpec): Promise<void> {
  const node = nodeSetup(parts.node.namespace);
  const outside = outsideSetup(parts.outside.namespace, spec.outside);
  const cables = [outsideCable(node.namespace, outside.namespace)];
  await setUp({ setups: [node, outside], cables, ends: [] });
  await setUp(plug(parts, spec.pods));
}

function namespacesOf({ node, outside, pods }: Parts): readonly string[] {
  return [node, outside, ...pods.values()].map((host) => host.namespace);
}

/** A pod that could not be set up leaves nothing behind. */
async function addPod(parts: Parts, pod: PodSpec): Promise<Host> {
  if (parts.pods.has(pod.name)) throw new Error(`there is a pod ${pod.name} in this world`);
  const wiring = plug(parts, [pod]);
  const host = parts.pods.get(pod.name) as Host;
  try {
    await setUp(wiring);
    return host;
  } catch (error) {
    parts.pods.delete(pod.name);
    await ipBatch([`netns del ${host.namespace}`]).catch(() => undefined);
    throw error;
  }
}

async function removePod(parts: Parts, name: string): Promise<void> {
  const host = parts.pods.get(name);
  if (host === undefined) throw new Error(`no pod ${name} in this world`);
  parts.pods.delete(name);
  const routes = host.addresses.map((address) => `route del ${address} dev cni0`);
  await ipBatchIn(parts.node.namespace, routes);
  host.close();
  await ipBatch([`netns del ${host.namespace}`]);
}

function worldOfParts(parts: Parts, forgetExit: () => void): World {
  const hosts = (): readonly Host[] => [parts.node, parts.outside, ...parts.pods.values()];
  const close = async (): Promise<void> => {
    for (const host of hosts()) host.close();
    forgetExit();
    // Listed now, not from memory: a signal handler may have removed them already.
    const listed = await runCommand(['ip', 'netns', 'list']);
    const there = listed.split('\n').map((line) => line.split(' ')[0] ?? '');
    await ipBatch(there.filter((name) => name.startsWith(parts.prefix)).map((name) => `netns del ${name}`));
  };
  return {
    node: parts.node,
    outside: parts.outside,
    pods: parts.pods,
    hostOf: (address) => hosts().find((host) => host.addresses.includes(address)),
    addPod: (pod) => addPod(parts, pod),
    removePod: (name) => removePod(parts, name),
    async forgetListeners() {
      await Promise.all(hosts().map((host) => host.forgetListeners()));
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/**
 * Requires permission to create network namespaces (root, or `unshare -Urnm` with a private /run) and the commands
 * ip and nft. Removes what earlier runs of killed processes left behind.
 */
export async function createWorld(spec: WorldSpec): Promise<World> {
  await sweep();
  const prefix = worldPrefix();
  const nodeAddresses = [...NODE_ADDRESSES.map(withoutPrefix), '127.0.0.1', '::1'];
  const parts: Parts = {
    prefix,
    node: createHost('node', `${prefix}node`, nodeAddresses),
    outside: createHost('outside', `${prefix}outside`, spec.outside),
    pods: new Map(),
    nextLink: 0,
  };
  const forgetExit = removeAtExit(() => namespacesOf(parts));
  const world = worldOfParts(parts, forgetExit);
  try {
    await build(parts, spec);
  } catch (error) {
    await world.close();
    throw error;
  }
  return world;
}
