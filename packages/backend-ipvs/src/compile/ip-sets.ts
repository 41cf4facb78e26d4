import type { Family } from '@signalbox/core';
import type { IpSet, IpSetEntry, IpSetType } from '../objects/ip-set.ts';
import { setName, type SetId } from './names.ts';

/** In the order in which they are made. */
const SET_TYPES: Readonly<Record<SetId, IpSetType>> = {
  'LOOP-BACK': 'hash:ip,port,ip',
  'CLUSTER-IP': 'hash:ip,port',
  'EXTERNAL-IP': 'hash:ip,port',
  'EXTERNAL-IP-LOCAL': 'hash:ip,port',
  'LOAD-BALANCER': 'hash:ip,port',
  'LOAD-BALANCER-LOCAL': 'hash:ip,port',
  'LOAD-BALANCER-FW': 'hash:ip,port',
  'LOAD-BALANCER-SOURCE-CIDR': 'hash:ip,port,net',
  'LOAD-BALANCER-SOURCE-IP': 'hash:ip,port,ip',
  'NODE-PORT-TCP': 'bitmap:port',
  'NODE-PORT-LOCAL-TCP': 'bitmap:port',
  'NODE-PORT-UDP': 'bitmap:port',
  'NODE-PORT-LOCAL-UDP': 'bitmap:port',
  'NODE-PORT-SCTP-HASH': 'hash:ip,port',
  'NODE-PORT-LOCAL-SCTP-HASH': 'hash:ip,port',
  'HEALTH-CHECK-NODE-PORT': 'bitmap:port',
  'IPVS-IPS': 'hash:ip',
};

export const SET_IDS: readonly SetId[] = Object.keys(SET_TYPES) as SetId[];

/** The kernel's default, and the least that is requested. */
const MIN_ELEMENTS = 65_536;

/** Space for `count` entries: a power of two, so that a growing set is replaced rarely. */
export function elementsFor(count: number): number {
  let size = MIN_ELEMENTS;
  while (size < count) size *= 2;
  return size;
}

export function ipSet(family: Family, id: SetId, count: number): IpSet {
  const type = SET_TYPES[id];
  const bitmap = type === 'bitmap:port';
  return {
    name: setName(family, id),
    type,
    family: bitmap ? null : family,
    maxElements: bitmap ? MIN_ELEMENTS : elementsFor(count),
  };
}

/** An entry and the set it belongs to. */
export interface PlacedEntry {
  readonly set: SetId;
  readonly entry: IpSetEntry;
  /** It forbids, unlike others of its set. */
  readonly guards?: true;
}
