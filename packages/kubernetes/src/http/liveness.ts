/**
 * Detects a server that sends nothing any more while its connections stay up, as behind a TCP load balancer. TCP
 * keep-alive is answered by the load balancer then. As in client-go: 30 s without a byte, then a probe request that
 * must be answered within 15 s. All watches of a server share the probe; a server that sends events or bookmarks
 * is not probed.
 */
import type { Clock } from '@signalbox/core';

import type { ApiError } from './api-error.ts';
import { StalledError } from './body.ts';

const QUIET_MS = 30_000;
export const PROBE_ANSWER_MS = 15_000;

/** `null`: answered, with whatever status. */
export type Probe = (server: string, signal: AbortSignal) => Promise<ApiError | null>;

interface Followed {
  /** The server sent something. */
  readonly received: () => void;
  readonly end: () => void;
}

export interface Liveness {
  /** From now until `end`. `onSilent` is called when the server did not answer. */
  readonly follow: (server: string, onSilent: (error: Error) => void) => Followed;
}

interface Peer {
  receivedAt: number;
  readonly watches: Set<(error: Error) => void>;
  readonly abort: AbortController;
  cancel: () => void;
}

export interface LivenessParts {
  readonly clock: Clock;
  readonly probe: Probe;
  /** Connections to the server that are kept for later requests are of no use either. */
  readonly onSilent: () => void;
}

export function createLiveness(parts: LivenessParts): Liveness {
  const peers = new Map<string, Peer>();
  return {
    follow(server, onSilent) {
      const peer = peers.get(server) ?? createPeer();
      const received = (): void => void (peer.receivedAt = parts.clock.now());
      received();
      peers.set(server, peer);
      peer.watches.add(onSilent);
      if (peer.watches.size === 1) checkLater(parts, server, peer);
      return {
        received,
        end() {
          if (!peer.watches.delete(onSilent) || peer.watches.size > 0) return;
          peer.cancel();
          peer.abort.abort();
          peers.delete(server);
        },
      };
    },
  };
}

function createPeer(): Peer {
  return { receivedAt: 0, watches: new Set(), abort: new AbortController(), cancel: () => undefined };
}

function checkLater(parts: LivenessParts, server: string, peer: Peer): void {
  // The clock may have been set back: that counts as received just now.
  const quietMs = Math.max(0, parts.clock.now() - peer.receivedAt);
  peer.cancel = parts.clock.schedule(Math.max(0, QUIET_MS - quietMs), () => void check(parts, server, peer));
}

async function check(parts: LivenessParts, server: string, peer: Peer): Promise<void> {
  const { clock, probe } = parts;
  const askedAt = clock.now();
  if (askedAt - peer.receivedAt >= QUIET_MS) {
    const failure = await probe(server, peer.abort.signal);
    if (peer.abort.signal.aborted) return;
    // Only a missing answer is proof: a connection may be refused by the load balancer, or fail for lack of descriptors here.
    const silent = failure?.code === 'stalled' && peer.receivedAt < askedAt;
    if (silent) return giveUp(parts, peer);
    peer.receivedAt = Math.max(peer.receivedAt, askedAt);
  }
  checkLater(parts, server, peer);
}

function giveUp({ onSilent }: LivenessParts, peer: Peer): void {
  const seconds = (QUIET_MS + PROBE_ANSWER_MS) / 1000;
  const error = new StalledError(`no byte for ${seconds} s, and no answer to a request`);
  onSilent();
  for (const end of peer.watches) end(error);
}
