import type { Frontend } from '@signalbox/core';
import { SET } from '../objects/ruleset.ts';
import { CHAIN } from './names.ts';

/** What the filter chains do to a packet that no route translated: the refusal of the last route (S16, S22, S23), if any (S66). */
export function refusal({ routes }: Frontend): string | null {
  const target = routes.at(-1)?.target;
  if (target === 'reject') return `goto ${CHAIN.reject}`;
  return target === 'drop' ? 'drop' : null;
}

/** The map of refusals that has this frontend. */
export function refusalMap({ kind }: Frontend): string {
  return kind === 'node-port' ? SET.noEndpointNodePorts : SET.noEndpointServices;
}
