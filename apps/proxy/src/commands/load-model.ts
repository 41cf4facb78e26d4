/** The model of this node, with the objects of the API server or of the folder, built in both families. */
import { FAMILIES, type Model, type ObjectEvent } from '@signalbox/core';
import { interfaceAddresses } from '../node/prepare-node.ts';
import type { Invocation } from './command.ts';
import { loadObjects } from './load-objects.ts';

type OnEvent = (event: ObjectEvent) => void;

/** The model, or the missing objects, in one line. `onEvent`: every object as received. */
export async function loadModel(
  invocation: Invocation,
  onEvent: OnEvent = () => undefined,
): Promise<Model | string> {
  const model = invocation.composition.createModel(invocation.settings);
  const missing = await fillModels(invocation, [model], onEvent);
  if (missing !== null) return missing;
  for (const family of FAMILIES) model.build(family);
  return model;
}

/** Without building them. The missing objects, in one line; `null`: none. */
export async function fillModels(
  { settings, composition, logging, terminal }: Invocation,
  models: readonly Model[],
  onEvent: OnEvent = () => undefined,
): Promise<string | null> {
  const bundle = await composition.createSource(settings, logging.logger);
  if (typeof bundle === 'string') return bundle;
  for (const model of models) model.setInterfaceAddresses(interfaceAddresses());
  const hint = (text: string): void => terminal.hint(text);
  return loadObjects(bundle.source, models, { clock: composition.clock, hint, onEvent });
}
