/** Servers and sources of one test of this package, with a clock that only the test advances. */
import { createManualClock, type ManualClock } from '@signalbox/core/testing';

import {
  createKubernetesSource,
  type KubernetesSource,
  type KubernetesSourceOptions,
} from '../kubernetes-source.ts';
import { ANSWER_MS, LEAD_MS, STANDBY_AFTER_MS } from '../reflector/standby.ts';
import type { WireObject } from '../wire.ts';
import { plainConfig } from './plain-config.ts';
import { createRelay, type Relay } from './relay.ts';
import { createSourceRecorder, type SourceRecorder } from './recorder.ts';
import type { RequestRecord } from './request-log.ts';
import { createTestApiServer, type TestApiServer, type TestApiServerOptions } from './test-api-server.ts';

export const service = (name: string, more: Record<string, unknown> = {}): WireObject => ({
  kind: 'Service',
  metadata: { name, namespace: 'default', ...more },
});

export const isWatch =
  (path: string) =>
  ({ path: p, query }: RequestRecord): boolean =>
    p.endsWith(path) && query.get('watch') === 'true';

export const isList =
  (path: string) =>
  ({ path: p, query }: RequestRecord): boolean =>
    p.endsWith(path) && query.get('watch') === null;

/** Timers of second connections are no waits between attempts. With the manual clock's random(), no back-off is as long. */
const OF_STANDBY: ReadonlySet<number> = new Set([STANDBY_AFTER_MS, ANSWER_MS, LEAD_MS]);

export function isBackOff({ delayMs }: ManualClock['pending'][number]): boolean {
  return delayMs >= 800 && delayMs < 30_000 && !OF_STANDBY.has(delayMs);
}

/** Resolves once the condition holds, however busy the machine is: only the time limit of the test bounds it. */
export async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

export interface Watching {
  readonly recorder: SourceRecorder;
  readonly clock: ManualClock;
  readonly log: readonly string[];
  readonly source: KubernetesSource;
  /** All four resources are complete. */
  synced(): Promise<void>;
  /** The answers to all four watches have begun, not only at the server's end. */
  watched(): Promise<unknown>;
  /** Advances the clock over waits between attempts until this is true. */
  pass(goal: Promise<unknown>): Promise<void>;
}

export interface Stage {
  serve(options?: TestApiServerOptions): Promise<TestApiServer>;
  relay(target: TestApiServer): Promise<Relay>;
  watch(servers: readonly TestApiServer[], options?: Partial<KubernetesSourceOptions>): Watching;
  close(): Promise<void>;
}

export function createStage(): Stage {
  const undo: (() => Promise<void>)[] = [];
  return {
    async serve(options) {
      const server = await createTestApiServer(options);
      undo.push(server.stop);
      return server;
    },
    async relay({ url }) {
      const relay = await createRelay(Number(new URL(url).port));
      undo.push(relay.stop);
      return relay;
    },
    watch(servers, options = {}) {
      const watching = startWatching(servers, options);
      undo.push(() => watching.source.stop());
      return watching;
    },
    async close() {
      for (const step of undo.splice(0).reverse()) await step();
    },
  };
}

function startWatching(
  servers: readonly TestApiServer[],
  options: Partial<KubernetesSourceOptions>,
): Watching {
  const recorder = createSourceRecorder();
  const clock = createManualClock();
  const log: string[] = [];
  const config = plainConfig(servers.map((server) => server.url));
  const source = createKubernetesSource({
    config,
    nodeName: 'node-a',
    clock,
    qps: -1,
    // Waits take no time here, and must not advance the time limits of answers.
    answerWithinMs: 10 ** 9,
    log: (line) => log.push(line),
    ...options,
  });
  source.start(recorder.handlers);
  return {
    recorder,
    clock,
    log,
    source,
    synced: () => recorder.until(() => recorder.synced.length === 4),
    // 450 s, as the manual clock's random() has it, and the grace of 30 s.
    watched: () =>
      clock.waitForTimer(() => clock.pending.filter(({ delayMs }) => delayMs === 480_000).length === 4),
    async pass(goal) {
      const reached = goal.then(() => null);
      for (;;) {
        const backOff = clock.waitForTimer(isBackOff);
        const timer = await Promise.race([reached, backOff]);
        if (timer === null) return;
        clock.advance(timer.dueAt - clock.now());
      }
    },
  };
}
