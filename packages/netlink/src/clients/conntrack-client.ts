import { succeed } from '@signalbox/core';
import type { AddressFamily } from '../codec/address.ts';
import {
  decodeFlow,
  encodeDeleteFlow,
  encodeListFlows,
  encodeNewFlow,
  type FlowKey,
  type FlowState,
} from '../families/conntrack/flow.ts';
import type { NetlinkRequest } from '../codec/message.ts';
import { mapResult, type NetlinkResult } from '../result.ts';
import { type NetlinkOptions, openNetlink } from '../socket/open-netlink.ts';
import type { Dump, NetlinkTransport, Outcomes } from '../socket/transport.ts';
import { encoded } from './guard.ts';

/** Result of `deleteFlows`. */
export interface Deletions {
  readonly deleted: number;
  /** Entries that had gone by themselves. */
  readonly gone: number;
  /** What the kernel refused, in the order of the flows. */
  readonly outcomes: Outcomes;
}

/** The connection tracking table of the network namespace this process is in. Nothing throws or rejects. */
export interface ConntrackClient {
  /**
   * One listing for all protocols. If the table kept changing through six tries, what the last one gave
   * (`quality: 'interrupted'`): a flow that is missing is one that will be seen next time.
   */
  listFlows(family: AddressFamily, protocols: readonly number[]): Promise<NetlinkResult<Dump<FlowState>>>;
  /** Batched, by both directions' addresses and the kernel's number of the entry; never the table as a whole. */
  deleteFlows(flows: readonly FlowKey[]): Promise<NetlinkResult<Deletions>>;
  /** For tests: makes entries that no packet has made. */
  createFlows(flows: readonly FlowKey[], timeoutSeconds: number): Promise<NetlinkResult<Outcomes>>;
  /** Closes the socket; pending calls end with `unavailable`. */
  close(): void;
}

/**
 * A client over one nfnetlink socket, which is opened at the first call.
 * `transport` replaces that socket; `options` are not used then.
 */
export function createConntrackClient(
  options: NetlinkOptions = {},
  transport: NetlinkTransport = openNetlink('netfilter', options),
): ConntrackClient {
  return {
    listFlows: (family, protocols) => {
      const [only] = protocols;
      const protocol = protocols.length === 1 && only !== undefined ? { protocol: only } : {};
      return transport.dump(encodeListFlows({ family, ...protocol }), (message) =>
        decodeFlow(message, protocols),
      );
    },
    deleteFlows: async (flows) =>
      mapResult(await sendAll(transport, flows, encodeDeleteFlow), countDeletions),
    createFlows: (flows, timeoutSeconds) =>
      sendAll(transport, flows, (flow) => encodeNewFlow(flow, timeoutSeconds)),
    close: () => transport.close(),
  };
}

/** Encoding all of a large list at once would hold the event loop as long as sending it does. */
const FLOWS_AT_A_TIME = 2048;

async function sendAll(
  transport: NetlinkTransport,
  flows: readonly FlowKey[],
  encode: (flow: FlowKey) => NetlinkRequest,
): Promise<NetlinkResult<Outcomes>> {
  const outcomes: Outcomes[] = [];
  for (let from = 0; from < flows.length; from += FLOWS_AT_A_TIME) {
    const requests = encoded('ctnetlink', () => flows.slice(from, from + FLOWS_AT_A_TIME).map(encode));
    const result = requests.ok ? await transport.requestAll(requests.value) : requests;
    if (!result.ok) return result;
    outcomes.push(result.value);
  }
  return succeed(outcomes.flat());
}

function countDeletions(outcomes: Outcomes): Deletions {
  const gone = outcomes.filter((outcome) => outcome?.code === 'not-found').length;
  const deleted = outcomes.filter((outcome) => outcome === undefined).length;
  return { deleted, gone, outcomes };
}
