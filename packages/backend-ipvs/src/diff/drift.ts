/** A plan that should have been empty, read as the differences that made it necessary. */
import type { Drift } from '@signalbox/core';
import { SERVICE_DEVICE } from '../objects/bound-address.ts';
import { entryText } from '../objects/ip-set.ts';
import type { Operation } from '../objects/operation.ts';
import { realServerKey } from '../objects/real-server.ts';
import { virtualServerKey } from '../objects/virtual-server.ts';
import type { PlannedOperation } from './plan.ts';

export function driftOf(operations: readonly PlannedOperation[]): readonly Drift[] {
  return operations
    .filter(({ mayBeGone }) => mayBeGone !== true)
    .flatMap(({ operation }) => differences(operation));
}

function differences(operation: Operation): readonly Drift[] {
  if (operation.kind === 'packet-filter-install') return operation.drift ?? [];
  const kind = KINDS[operation.kind];
  return objectsOf(operation).map((object): Drift => ({ kind, ...object }));
}

type NamedOperation = Exclude<Operation, { kind: 'packet-filter-install' }>;

const KINDS: Readonly<Record<NamedOperation['kind'], Drift['kind']>> = {
  'set-create': 'missing',
  'set-replace': 'altered',
  'set-add': 'missing',
  'set-delete': 'stale',
  'set-destroy': 'altered',
  'server-add': 'missing',
  'server-update': 'altered',
  'server-delete': 'stale',
  'real-add': 'missing',
  'real-update': 'altered',
  'real-delete': 'stale',
  'device-create': 'missing',
  'device-delete': 'stale',
  'address-add': 'missing',
  'address-delete': 'stale',
  'sets-retype': 'altered',
};

type DriftObject = Omit<Drift, 'kind'>;

function objectsOf(operation: NamedOperation): readonly DriftObject[] {
  if (operation.kind === 'set-add' || operation.kind === 'set-delete') {
    const { set, entries } = operation;
    return entries.map((entry) => ({ type: 'entry', name: entryText(entry), within: `set ${set}` }));
  }
  if (operation.kind === 'sets-retype') {
    return operation.sets.map(({ set }) => ({ type: 'set', name: set.name }));
  }
  return [objectOf(operation)];
}

function objectOf(
  operation: Exclude<NamedOperation, { kind: 'set-add' | 'set-delete' | 'sets-retype' }>,
): DriftObject {
  if ('real' in operation) {
    const within = `virtual server ${virtualServerKey(operation.server)}`;
    return { type: 'real server', name: realServerKey(operation.real), within };
  }
  if ('server' in operation) return { type: 'virtual server', name: virtualServerKey(operation.server) };
  if ('address' in operation) return { type: 'address', name: operation.address, within: SERVICE_DEVICE };
  if ('packet-filter' in operation) return { type: 'packet filter', name: '' };
  if (!('set' in operation)) return { type: 'device', name: SERVICE_DEVICE };
  return { type: 'set', name: typeof operation.set === 'string' ? operation.set : operation.set.name };
}
