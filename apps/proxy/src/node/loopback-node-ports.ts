import { FAMILIES, LOOPBACK_ADDRESS, namesLoopback } from '@signalbox/core';
import type { Settings } from '../config/settings.ts';

/** The loopback addresses at which sockets of this process serve TCP node ports, besides those that the rules serve. */
export function loopbackNodePortAddresses({
  config,
  mode,
}: Pick<Settings, 'config' | 'mode'>): readonly string[] {
  if (mode.localNodePorts?.isEnabled(config) !== true) return [];
  return FAMILIES.filter((family) => namesLoopback(config.nodePortAddresses, family)).map(
    (family) => LOOPBACK_ADDRESS[family],
  );
}
