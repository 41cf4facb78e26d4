/**
 * Real servers on their way out: weight 0, until their last TCP connection is gone or they are too old. Knows no
 * clock: callers say what time it is. UDP and SCTP servers never come here, they are deleted at once.
 */
import type { Protocol } from '@signalbox/core';
import type { RealServer, RealServerKey, RealServerStatus } from '../objects/real-server.ts';
import type { VirtualServer, VirtualServerKey } from '../objects/virtual-server.ts';

export interface TerminatingReal {
  readonly server: VirtualServer;
  readonly real: RealServer;
}

interface Termination extends TerminatingReal {
  /** Milliseconds since 1970. */
  readonly since: number;
}

export function terminatesGracefully(protocol: Protocol): boolean {
  return protocol === 'TCP';
}

export class TerminatingServers {
  readonly #byServer = new Map<VirtualServerKey, Map<RealServerKey, Termination>>();

  get size(): number {
    let size = 0;
    for (const reals of this.#byServer.values()) size += reals.size;
    return size;
  }

  servers(): readonly VirtualServerKey[] {
    return [...this.#byServer.keys()];
  }

  of(server: VirtualServerKey): ReadonlyMap<RealServerKey, TerminatingReal> {
    return this.#byServer.get(server) ?? new Map<RealServerKey, TerminatingReal>();
  }

  /** A server that is known keeps its age. */
  start(server: VirtualServerKey, key: RealServerKey, item: TerminatingReal, now: number): void {
    const reals = this.#byServer.get(server) ?? new Map<RealServerKey, Termination>();
    if (!reals.has(key)) reals.set(key, { ...item, since: now });
    this.#byServer.set(server, reals);
  }

  /** It is wanted again, or gone. */
  stop(server: VirtualServerKey, key: RealServerKey): void {
    const reals = this.#byServer.get(server);
    reals?.delete(key);
    if (reals?.size === 0) this.#byServer.delete(server);
  }

  forget(server: VirtualServerKey): void {
    this.#byServer.delete(server);
  }

  /** Of the terminating reals of `server`: which may go now, given what the kernel says of them. */
  finished(
    server: VirtualServerKey,
    status: ReadonlyMap<RealServerKey, RealServerStatus>,
    time: { readonly now: number; readonly maxAge: number },
  ): readonly TerminatingReal[] {
    const finished: TerminatingReal[] = [];
    for (const [key, termination] of this.#byServer.get(server) ?? []) {
      const seen = status.get(key);
      if (seen === undefined) this.stop(server, key);
      else if (isIdle(seen) || time.now - termination.since >= time.maxAge) finished.push(termination);
    }
    return finished;
  }
}

function isIdle(status: RealServerStatus): boolean {
  return status.active + status.inactive === 0;
}
