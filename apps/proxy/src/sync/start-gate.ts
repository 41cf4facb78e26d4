/**
 * When the first sync may run: never before Services and EndpointSlices are complete, since rules of half a
 * cluster would cut the other half off. The node's addresses are waited for too, but not for ever.
 */
import type { Clock, NodeView, Resource } from '@signalbox/core';

const NODE_IP_WAIT = 30_000;
const POD_CIDR_WAIT = 300_000;

export interface StartGateOptions {
  readonly clock: Clock;
  /** `none`: objects come from files, where a Node is optional. */
  readonly nodeWait: 'none' | 'ips' | 'pod-cidrs';
  readonly onOpen: () => void;
  /** Time is up and nothing can be done without the pod CIDRs. One line. */
  readonly onGiveUp: (reason: string) => void;
  readonly onNote: (message: string) => void;
  readonly nodeName: string;
}

export interface StartGate {
  /** Time starts to count. */
  start(): void;
  synced(resource: Resource): void;
  node(view: NodeView): void;
  isOpen(): boolean;
  /** Empty once it is open. */
  waitingFor(): readonly string[];
  stop(): void;
}

export function createStartGate(options: StartGateOptions): StartGate {
  const waiting = new Set<Resource>(['Service', 'EndpointSlice', 'Node']);
  let nodeReady = options.nodeWait === 'none';
  let timedOut = false;
  let open = false;
  let cancel = (): void => undefined;
  const check = (): void => {
    const node = timedOut || (nodeReady && !waiting.has('Node'));
    if (open || waiting.has('Service') || waiting.has('EndpointSlice') || !node) return;
    open = true;
    cancel();
    options.onOpen();
  };
  return {
    start: () => {
      if (options.nodeWait === 'none') return;
      const limit = options.nodeWait === 'ips' ? NODE_IP_WAIT : POD_CIDR_WAIT;
      cancel = options.clock.schedule(limit, () => {
        if (nodeReady) return;
        if (options.nodeWait === 'pod-cidrs') return options.onGiveUp(podCidrTimeout(options.nodeName));
        timedOut = true;
        options.onNote(`No address of node ${options.nodeName} within 30s; starting with loopback addresses`);
        check();
      });
    },
    synced: (resource) => {
      waiting.delete(resource);
      check();
    },
    node: (view) => {
      nodeReady ||=
        options.nodeWait === 'pod-cidrs' ? view.podCIDRs.length > 0 : Object.keys(view.ips).length > 0;
      check();
    },
    isOpen: () => open,
    waitingFor: () => (open ? [] : waits(options, waiting, nodeReady)),
    stop: () => cancel(),
  };
}

function waits(
  { nodeWait, nodeName }: StartGateOptions,
  lists: Iterable<Resource>,
  isNodeReady: boolean,
): readonly string[] {
  const missing = nodeWait === 'pod-cidrs' ? 'pod CIDRs' : 'an address';
  return [
    ...[...lists].map((resource) => `the first list of ${resource}s`),
    ...(isNodeReady ? [] : [`${missing} of Node ${nodeName}`]),
  ];
}

function podCidrTimeout(node: string): string {
  return `timeout waiting for PodCIDR allocation of node ${node} (detectLocalMode NodeCIDR)`;
}
