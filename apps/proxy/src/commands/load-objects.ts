/** The objects of the API server, or of the folder, once. */
import {
  formatInputProblem,
  RESOURCES,
  type Clock,
  type Model,
  type ObjectEvent,
  type Resource,
  type Source,
  type SourceHandlers,
} from '@signalbox/core';

/** Time limit for the complete set of objects from the API server or the folder. */
const PATIENCE = 30_000;

/** If the API server has returned only errors for this time, the last error is reported. */
const FIRST_ANSWER = 3000;

export interface ObjectReader {
  readonly clock: Clock;
  /** For what is wrong with the objects, or on the way to them. */
  readonly hint: (text: string) => void;
  /** Every object as it was received. */
  readonly onEvent?: (event: ObjectEvent) => void;
}

interface Loading {
  readonly missing: Set<Resource>;
  /** The last problem of the source; empty: none. */
  problem: string;
  /** Something was received: the source is slow, but reachable. */
  hasAnswered: boolean;
}

/** Resolves when every resource is complete, or time is up: then with one line that names what is missing, and why. */
export async function loadObjects(
  source: Source,
  models: readonly Model[],
  reader: ObjectReader,
): Promise<string | null> {
  const { clock } = reader;
  const missing = new Set<Resource>(RESOURCES);
  const loading: Loading = { missing, problem: '', hasAnswered: false };
  const begin = clock.now();
  const timers: (() => void)[] = [];
  await new Promise<void>((resolve) => {
    const endIfOver = (): void => {
      const isDead = loading.problem !== '' && !loading.hasAnswered;
      if (missing.size === 0 || (isDead && clock.now() - begin >= FIRST_ANSWER)) resolve();
    };
    timers.push(clock.schedule(PATIENCE, resolve), clock.schedule(FIRST_ANSWER, endIfOver));
    source.start(handlersOf(loading, models, { ...reader, endIfOver }));
  });
  for (const cancel of timers) cancel();
  await source.stop();
  if (missing.size === 0) return null;
  const seconds = Math.round((clock.now() - begin) / 1000);
  const why = loading.problem === '' ? '' : `: ${loading.problem}`;
  return `nothing received of ${[...missing].join(', ')} within ${seconds} s${why}`;
}

function handlersOf(
  loading: Loading,
  models: readonly Model[],
  { hint, onEvent, endIfOver }: ObjectReader & { readonly endIfOver: () => void },
): SourceHandlers {
  return {
    onEvents: (events) => {
      loading.hasAnswered = true;
      for (const event of events) {
        onEvent?.(event);
        const origin = event.type === 'upsert' && event.origin !== undefined ? `${event.origin}: ` : '';
        const problems = new Set(models.flatMap((model) => model.apply(event)).map(formatInputProblem));
        for (const problem of problems) hint(`Warning: ${origin}${problem}\n`);
      }
    },
    onSynced: (resource) => {
      loading.hasAnswered = true;
      loading.missing.delete(resource);
      endIfOver();
    },
    onProblem: ({ message }) => {
      loading.problem = message;
      hint(`Warning: ${message}\n`);
      endIfOver();
    },
  };
}
