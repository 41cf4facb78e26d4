/** A composition whose backends record their calls. For tests: no kernel, no cluster. */
import {
  createModel,
  NOTHING_DONE,
  type Backend,
  type BackendError,
  type Clock,
  type DesiredChange,
  type Family,
  type Observation,
  type Source,
  type SourceHandlers,
  type SyncResult,
} from '@signalbox/core';
import { createManualClock, type ManualClock } from '@signalbox/core/testing';
import type { Composition, Leftovers, ProxyEvent } from '../compose/composition.ts';
import { MODES } from '../modes/index.ts';
import type { Cleaner, Successor } from '../modes/proxy-mode.ts';
import type { StateFile } from '../node/state-file.ts';
import { modelConfig } from '../sync/model-config.ts';

export const SYNCED: SyncResult = { ...NOTHING_DONE, scope: 'full' };

export interface RecordingBackend extends Backend {
  readonly changes: DesiredChange[];
  /** Answers of the next syncs, in order; `SYNCED` when there are none. An Error is thrown, a promise lasts. */
  readonly answers: (SyncResult | Error | Promise<SyncResult>)[];
  readonly observations: Observation[];
  cleanups: number;
  closed: number;
  drift(what: string): void;
  /** The watch is interrupted. */
  problem(error: BackendError): void;
}

export function recordingBackend(family: Family, mode = 'iptables'): RecordingBackend {
  let listener: ((what: string) => void) | null = null;
  let problemListener: ((problem: BackendError) => void) | undefined;
  const backend: RecordingBackend = {
    mode,
    family,
    changes: [],
    answers: [],
    observations: [],
    cleanups: 0,
    closed: 0,
    drift: (what) => listener?.(what),
    problem: (error) => problemListener?.(error),
    sync: (change) => {
      backend.changes.push(change);
      const answer = backend.answers.shift() ?? SYNCED;
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
    observe: () => Promise.resolve(backend.observations.shift() ?? { outcome: 'ok', drift: [] }),
    cleanup: () => {
      backend.cleanups += 1;
      return Promise.resolve({ outcome: 'ok', removed: [] });
    },
    watch: (onDrift, onProblem) => {
      listener = onDrift;
      problemListener = onProblem;
      return () => (listener = null);
    },
    close: () => {
      backend.closed += 1;
      return Promise.resolve();
    },
  };
  return backend;
}

/** A file of the node, as a text. */
export function memoryFile(content: string | null = null): StateFile & { readonly texts: string[] } {
  const texts = content === null ? [] : [content];
  return {
    texts,
    read: () => Promise.resolve(texts.at(-1) ?? null),
    write: (text) => {
      texts.push(text);
      return Promise.resolve(null);
    },
  };
}

/** A source that emits the events that a test gives it. */
export interface ScriptedSource extends Source {
  readonly handlers: SourceHandlers;
}

export function scriptedSource(): ScriptedSource {
  let handlers: SourceHandlers | null = null;
  return {
    start: (given) => (handlers = given),
    stop: () => Promise.resolve(),
    get handlers() {
      if (handlers === null) throw new Error('the source was not started');
      return handlers;
    },
  };
}

export interface RecordingComposition extends Composition {
  readonly clock: Clock;
  readonly manualClock: ManualClock;
  /** The last one of each family. */
  readonly backends: Map<Family, RecordingBackend>;
  /** Prepares a backend that takes the place of another one. */
  onNextBackend: (backend: RecordingBackend) => void;
  readonly source: ScriptedSource;
  readonly events: ProxyEvent[];
  /** The mode for which others were to be removed, call by call. */
  readonly leftovers: Successor[];
  /** Calls of `firstSyncIsOver`. */
  completedStarts: number;
  /** Families whose session affinity was to be carried over, call by call. */
  readonly carried: (readonly Family[])[];
  /** What the next removals leave; nothing when empty. */
  readonly leftoverAnswers: Leftovers[];
}

/** A node without anything that would have to be set, cleaned or asked. */
const BARE_NODE = {
  modeSysctls: () => Promise.resolve([]),
  loadConntrack: () => Promise.resolve(null),
  takeInstanceLock: () => Promise.resolve({ kind: 'taken', exclusive: true, release: () => undefined }),
  services: () => Promise.resolve(null),
  startService: () => Promise.resolve(null),
  createFlowCleaner: () => null,
} satisfies Partial<Composition>;

export function recordingComposition(families: readonly Family[] = ['IPv4', 'IPv6']): RecordingComposition {
  const manualClock = createManualClock();
  const backends = new Map(families.map((family) => [family, recordingBackend(family)]));
  const source = scriptedSource();
  const leftovers: Successor[] = [];
  const events: ProxyEvent[] = [];
  const parts: RecordingComposition = {
    modes: MODES,
    clock: manualClock,
    preciseTime: () => manualClock.now(),
    reportExceptions: () => undefined,
    manualClock,
    backends,
    source,
    events,
    createModel: (settings) => createModel(modelConfig(settings)),
    createSource: () => Promise.resolve({ source, events: { record: (event) => void events.push(event) } }),
    probeFamilies: () => Promise.resolve({ families, reasons: [] }),
    openCounters: () => Promise.resolve(null),
    onNextBackend: () => undefined,
    createBackend: backendsOf(() => parts),
    ...BARE_NODE,
    leftovers,
    leftoverAnswers: [],
    removeLeftovers: (_, successor) => {
      leftovers.push(successor);
      return Promise.resolve(parts.leftoverAnswers.shift() ?? { failures: [], inUse: 0 });
    },
    carried: [],
    completedStarts: 0,
    firstSyncIsOver: () => void (parts.completedStarts += 1),
    carryAffinity: async (_, states) => void parts.carried.push(states.map(({ family }) => family)),
    createCleaners: () => [...backends.values()].map(cleanerOf),
    openStateFile: () => memoryFile(),
  };
  return parts;
}

/** Those of the composition at first; then, for a change of the mode, others. */
function backendsOf(parts: () => RecordingComposition): Composition['createBackend'] {
  const created = new Set<Family>();
  return ({ mode }, family) => {
    const { backends } = parts();
    if (created.has(family)) {
      const next = recordingBackend(family, mode.name);
      backends.set(family, next);
      parts().onNextBackend(next);
    }
    created.add(family);
    const backend = backends.get(family);
    if (backend === undefined) throw new Error(`no backend for ${family}`);
    return Promise.resolve(backend);
  };
}

function cleanerOf(backend: RecordingBackend): Cleaner {
  const { mode, family } = backend;
  return { mode, family, clean: () => backend.cleanup() };
}
