/** The model of this node, with the objects of the API server or of the folder, built in both families. */
import { FAMILIES, type Model, type ObjectEvent } from '@signalbox/core';
import { interfaceAddresses } from '../node/prepare-node.ts';
import type { Invocation } from './command.ts';
import { loadObjects } from './load-objects.ts';

/** The model, or the missing objects, in one line. `onEvent`: every object as received. */
export async function loadModel(
  { settings, composition, logging, terminal }: Invocation,
  onEvent: (event: ObjectEvent) => void = () => undefined,
): Promise<Model | string> {
  const bundle = await composition.createSource(settings, logging.logger);
  if (typeof bundle === 'string') return bundle;
  const model = composition.createModel(settings);
  model.setInterfaceAddresses(interfaceAddresses());
  const hint = (text: string): void => terminal.hint(text);
  const missing = await loadObjects(bundle.source, [model], { clock: composition.clock, hint, onEvent });
  if (missing !== null) return missing;
  for (const family of FAMILIES) model.build(family);
  return model;
}
