/** Manifests at start: a path that cannot be read is an error; with `--strict` every problem in the files is one. */
import { createModel, formatInputProblem, type Model, type ObjectEvent } from '@signalbox/core';
import { createManifestSource } from '@signalbox/manifests';
import type { Settings } from '../config/settings.ts';
import { modelConfig } from '../sync/model-config.ts';

/** Other kinds in the folder are no problem: one folder may hold all of an application. */
const HARMLESS: ReadonlySet<string> = new Set(['ignored-kind']);

/** The problems of one reading of the folder: those of the files, then those of the values in their objects. */
interface ManifestReport {
  /** The path cannot be read. */
  readonly unreadable: string | null;
  readonly problems: readonly string[];
}

function valueProblems(model: Model, events: readonly ObjectEvent[]): readonly string[] {
  return events.flatMap((event) => {
    const origin = event.type === 'upsert' && event.origin !== undefined ? `${event.origin}: ` : '';
    return model.apply(event).map((problem) => `${origin}${formatInputProblem(problem)}`);
  });
}

async function readOnce(settings: Settings): Promise<ManifestReport> {
  const source = createManifestSource({ path: settings.manifests });
  const model = createModel(modelConfig(settings));
  const problems: string[] = [];
  const values: string[] = [];
  const unreadable = await new Promise<string | null>((resolve) => {
    source.start({
      onEvents: (events) => void values.push(...valueProblems(model, events)),
      onProblem: ({ code, message }) => {
        if (code === 'path-unreadable') resolve(message.replace(/; waiting for it$/, ''));
        else if (!HARMLESS.has(code)) problems.push(message);
      },
      onSynced: () => resolve(null),
    });
  });
  await source.stop();
  return { unreadable, problems: [...problems, ...values] };
}

/** What ends the start; null if nothing does. The source reports the problems of the files again, as warnings. */
export async function manifestMistake(settings: Settings): Promise<string | null> {
  const { unreadable, problems } = await readOnce(settings);
  if (unreadable !== null) return unreadable;
  if (!settings.strict || problems.length === 0) return null;
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
  return [
    `${count} in ${settings.manifests}, refused by --strict`,
    ...problems.map((line) => `  ${line}`),
  ].join('\n');
}
