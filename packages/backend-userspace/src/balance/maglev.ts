import { maglevSlot, maglevTable } from '@signalbox/core';
import { perList, type Algorithm } from './algorithm.ts';

/** By the address of the client: the same endpoint from every node, and for most clients also after other endpoints are added or removed. */
export function createMaglev(): Algorithm {
  const tableOf = perList((endpoints) => maglevTable(endpoints));
  return {
    choose(endpoints, { client }) {
      const table = tableOf(endpoints);
      return table[maglevSlot(client, table)] ?? 0;
    },
  };
}
