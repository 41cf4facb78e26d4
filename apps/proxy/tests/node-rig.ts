/** A node of a world of its own that reads its Services from a folder, and the programs that a test starts on it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createWorld, podsOf, runCommand, type Host, type World } from '@signalbox/netns';
import {
  eventually,
  startApiServer,
  startSignalbox,
  type ApiServer,
  type ProxyProcess,
} from './node-processes.ts';

export interface NodeRig {
  readonly world: World;
  /** Of manifests. */
  readonly folder: string;
  /** The host with this address; throws if there is none. */
  hostOf(address: string): Host;
  /** The output of a command on the node. */
  onNode(...words: readonly string[]): Promise<string>;
  /** From an HTTP server of the node: `10256/readyz`. */
  get(path: string): Promise<{ readonly status: number; readonly body: string }>;
  /** `close` ends it. */
  keep(process: ProxyProcess): ProxyProcess;
  startProxy(...flags: readonly string[]): ProxyProcess;
  /** Started and ready. */
  startReadyProxy(...flags: readonly string[]): Promise<ProxyProcess>;
  close(): Promise<void>;
}

/** `pods`: addresses of pods on the node, of one or both families; `outside`: of hosts that are no part of the cluster. */
export async function createNodeRig(
  pods: readonly string[],
  outside: readonly string[] = [],
): Promise<NodeRig> {
  const world = await createWorld({ pods: podsOf(pods), outside });
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-node-'));
  const running: ProxyProcess[] = [];
  let client: ApiServer | null = null;
  const keep: NodeRig['keep'] = (process) => {
    running.push(process);
    return process;
  };
  const get: NodeRig['get'] = (path) => {
    client ??= startApiServer(world.node);
    return client.ask({ op: 'get', url: `http://127.0.0.1:${path}` });
  };
  const startProxy: NodeRig['startProxy'] = (...flags) =>
    keep(
      startSignalbox(world.node, [`--manifests=${folder}`, '--hostname-override=node-a', '-v=2', ...flags]),
    );
  return {
    world,
    folder,
    hostOf: (address) => hostIn(world, address),
    onNode: (...words) => runCommand([...world.node.prefix, ...words]),
    get,
    keep,
    startProxy,
    async startReadyProxy(...flags) {
      const proxy = startProxy(...flags);
      const isReady = ({ status }: { readonly status: number }): boolean => status === 200;
      await eventually(
        () => get('10256/readyz'),
        isReady,
        () => proxy.log(),
      );
      return proxy;
    },
    async close() {
      await Promise.all(running.map((each) => each.end('SIGKILL')));
      client?.close();
      await world.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function hostIn(world: World, address: string): Host {
  const host = world.hostOf(address);
  if (host === undefined) throw new Error(`no host has ${address}`);
  return host;
}
