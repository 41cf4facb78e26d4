import { type DesiredServicePort, mayReachItself } from '@signalbox/core';
import { type Element, SET } from '../objects/ruleset.ts';
import { protocolOf } from './frontend-key.ts';

/** S37: connections of an endpoint to itself, which get an address of this node as their source. */
export function hairpinElements(service: DesiredServicePort): readonly Element[] {
  const protocol = protocolOf(service.name);
  const elements = new Map<string, Element>();
  for (const endpoints of [service.clusterEndpoints, service.localEndpoints]) {
    for (const endpoint of endpoints) {
      if (!mayReachItself(endpoint)) continue;
      const { address, port } = endpoint;
      const key = `${address} . ${address} . ${protocol} . ${port}`;
      elements.set(key, { set: SET.hairpin, key, data: '' });
    }
  }
  return [...elements.values()];
}
