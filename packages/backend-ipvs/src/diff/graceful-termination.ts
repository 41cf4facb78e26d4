/**
 * Real servers with weight 0 until their last connection is gone. TCP ones are deleted after the longest time at the
 * latest. UDP and SCTP ones are here only while their endpoint serves (S46): then they have no such limit, and they are
 * deleted as soon as it does not serve any more. Knows no clock: the time is an argument.
 */
import type { Protocol } from '@signalbox/core';
import type { RealServer, RealServerKey, RealServerStatus } from '../objects/real-server.ts';
import type { VirtualServer, VirtualServerKey } from '../objects/virtual-server.ts';

export interface TerminatingReal {
  readonly server: VirtualServer;
  readonly real: RealServer;
}

interface Termination extends TerminatingReal {
  /** Milliseconds, by `Clock.elapsed`. */
  readonly since: number;
}

/** Whether an endpoint that does not serve any more may finish its connections. */
export function terminatesGracefully(protocol: Protocol): boolean {
  return protocol === 'TCP';
}

export interface TerminatingServers {
  readonly size: number;
  servers(): readonly VirtualServerKey[];
  of(server: VirtualServerKey): ReadonlyMap<RealServerKey, TerminatingReal>;
  /** A server that is known keeps its age. */
  start(server: VirtualServerKey, key: RealServerKey, item: TerminatingReal, now: number): void;
  /** Its endpoint is desired again, or it is gone. */
  stop(server: VirtualServerKey, key: RealServerKey): void;
  forget(server: VirtualServerKey): void;
  /** Of the terminating reals of `server`: which may go now, given their counters in the kernel. */
  finished(
    server: VirtualServerKey,
    status: ReadonlyMap<RealServerKey, RealServerStatus>,
    time: TerminationTime,
  ): readonly TerminatingReal[];
}

/** Milliseconds. */
interface TerminationTime {
  readonly now: number;
  readonly maxAge: number;
}

export function createTerminatingServers(): TerminatingServers {
  const byServer = new Map<VirtualServerKey, Map<RealServerKey, Termination>>();
  const stop = (server: VirtualServerKey, key: RealServerKey): void => {
    const reals = byServer.get(server);
    reals?.delete(key);
    if (reals?.size === 0) byServer.delete(server);
  };
  return {
    get size() {
      return [...byServer.values()].reduce((sum, reals) => sum + reals.size, 0);
    },
    servers: () => [...byServer.keys()],
    of: (server) => byServer.get(server) ?? new Map<RealServerKey, TerminatingReal>(),
    start(server, key, item, now) {
      const reals = byServer.get(server) ?? new Map<RealServerKey, Termination>();
      if (!reals.has(key)) reals.set(key, { ...item, since: now });
      byServer.set(server, reals);
    },
    stop,
    forget: (server) => void byServer.delete(server),
    finished(server, status, time) {
      const finished: TerminatingReal[] = [];
      for (const [key, termination] of byServer.get(server) ?? []) {
        const seen = status.get(key);
        if (seen === undefined) stop(server, key);
        else if (isIdle(seen) || isTooOld(termination, time)) finished.push(termination);
      }
      return finished;
    },
  };
}

function isTooOld({ server, since }: Termination, { now, maxAge }: TerminationTime): boolean {
  return terminatesGracefully(server.protocol) && now - since >= maxAge;
}

function isIdle(status: RealServerStatus): boolean {
  return status.active + status.inactive === 0;
}
