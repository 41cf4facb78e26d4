/** A plan that should have been empty, read as the differences that made it necessary. */
import type { Drift } from '@signalbox/core';
import { SERVICE_DEVICE } from '../objects/bound-address.ts';
import { entryText } from '../objects/ip-set.ts';
import type { Operation, OperationKind } from '../objects/operation.ts';
import { realServerKey } from '../objects/real-server.ts';
import { virtualServerKey } from '../objects/virtual-server.ts';
import type { PlannedOperation } from './plan.ts';

export function driftOf(operations: readonly PlannedOperation[]): readonly Drift[] {
  return operations
    .filter(({ mayBeGone }) => mayBeGone !== true)
    .flatMap(({ operation }) =>
      objectsOf(operation).map((object): Drift => ({ kind: KINDS[operation.kind], object })),
    );
}

export function formatDrift(drift: Drift): string {
  return `${drift.kind}: ${drift.object}`;
}

const KINDS: Readonly<Record<OperationKind, Drift['kind']>> = {
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
  'program-install': 'altered',
};

function objectsOf(operation: Operation): readonly string[] {
  if (operation.kind === 'set-add' || operation.kind === 'set-delete') {
    return operation.entries.map((entry) => `${operation.set} ${entryText(entry)}`);
  }
  return [objectOf(operation)];
}

function objectOf(operation: Exclude<Operation, { kind: 'set-add' | 'set-delete' }>): string {
  if ('real' in operation) {
    return `real server ${realServerKey(operation.real)} of ${virtualServerKey(operation.server)}`;
  }
  if ('server' in operation) return `virtual server ${virtualServerKey(operation.server)}`;
  if ('address' in operation) return `address ${operation.address} on ${SERVICE_DEVICE}`;
  if ('program' in operation) return 'packet filter';
  if (!('set' in operation)) return `device ${SERVICE_DEVICE}`;
  return `set ${typeof operation.set === 'string' ? operation.set : operation.set.name}`;
}
