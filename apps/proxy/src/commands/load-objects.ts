/** The objects of the API server, or of the folder, once. */
import {
  formatInputProblem,
  RESOURCES,
  type Clock,
  type Model,
  type Resource,
  type Source,
} from '@signalbox/core';

/** The API server, or the folder, gets this long to show what there is. */
const PATIENCE = 30_000;

export interface ObjectReader {
  readonly clock: Clock;
  /** For what is wrong with the objects, or on the way to them. */
  readonly hint: (text: string) => void;
}

/** Resolves when every resource is complete, or time is up: then with one line that names what is missing, and why. */
export async function loadObjects(
  source: Source,
  models: readonly Model[],
  { clock, hint }: ObjectReader,
): Promise<string | null> {
  const missing = new Set<Resource>(RESOURCES);
  let last = '';
  await new Promise<void>((resolve) => {
    const cancel = clock.schedule(PATIENCE, resolve);
    source.start({
      onEvents: (events) => {
        for (const event of events) {
          const origin = event.type === 'upsert' && event.origin !== undefined ? `${event.origin}: ` : '';
          const problems = new Set(models.flatMap((model) => model.apply(event)).map(formatInputProblem));
          for (const problem of problems) hint(`Warning: ${origin}${problem}\n`);
        }
      },
      onSynced: (resource) => {
        missing.delete(resource);
        if (missing.size > 0) return;
        cancel();
        resolve();
      },
      onProblem: ({ message }) => {
        last = `: ${message}`;
        hint(`Warning: ${message}\n`);
      },
    });
  });
  await source.stop();
  if (missing.size === 0) return null;
  return `nothing received of ${[...missing].join(', ')} within ${PATIENCE / 1000} s${last}`;
}
