/** What operations would change: lines of `ipvsadm -Sn`, `ipset save` and `ip address`. */
import type { ListedObject } from '@signalbox/backend-kit';
import type { PlannedOperation } from '../diff/plan.ts';
import { SERVICE_DEVICE } from '../objects/bound-address.ts';
import { entryText, type IpSet, type IpSetEntry } from '../objects/ip-set.ts';
import type { Observed } from '../objects/kernel-state.ts';
import type { Operation } from '../objects/operation.ts';
import { realServerKey } from '../objects/real-server.ts';
import { virtualServerKey } from '../objects/virtual-server.ts';
import { createLine, entryLine } from './ipset.ts';
import { realServerLine, virtualServerLine } from './ipvsadm.ts';

/** All but the packet filter, of which an operation does not say what differs. */
export function listOperations(
  operations: readonly PlannedOperation[],
  observed: Observed,
): readonly ListedObject[] {
  return operations
    .filter(({ mayBeGone }) => mayBeGone !== true)
    .flatMap(({ operation }) => listOperation(operation, observed));
}

type Lines = readonly string[];
const NONE: Lines = [];

function listOperation(operation: Operation, observed: Observed): readonly ListedObject[] {
  if ('server' in operation) return [listServer(operation, observed)];
  switch (operation.kind) {
    case 'device-create':
      return [{ object: `device ${SERVICE_DEVICE}`, kernel: NONE, desired: [deviceLine()] }];
    case 'device-delete':
      return [{ object: `device ${SERVICE_DEVICE}`, kernel: [deviceLine()], desired: NONE }];
    case 'address-add':
      return [
        { object: `device ${SERVICE_DEVICE}`, kernel: NONE, desired: [addressLine(operation.address)] },
      ];
    case 'address-delete':
      return [
        { object: `device ${SERVICE_DEVICE}`, kernel: [addressLine(operation.address)], desired: NONE },
      ];
    case 'packet-filter-install':
      return [];
    case 'sets-retype':
      return operation.sets.map(({ set, entries }) => listWholeSet(set, entries, observed));
    case 'set-create':
      return [listWholeSet(operation.set, [], observed)];
    case 'set-replace':
      return [listWholeSet(operation.set, operation.entries, observed)];
    case 'set-destroy':
      return [{ object: `set ${operation.set}`, kernel: heldSet(operation.set, observed), desired: NONE }];
    case 'set-add':
      return [{ object: `set ${operation.set}`, kernel: NONE, desired: entryLines(operation) }];
    case 'set-delete':
      return [{ object: `set ${operation.set}`, kernel: entryLines(operation), desired: NONE }];
  }
}

function deviceLine(): string {
  return `link add ${SERVICE_DEVICE} type dummy`;
}

function addressLine(address: string): string {
  return `address add ${address} dev ${SERVICE_DEVICE}`;
}

type ServerOperation = Extract<Operation, { kind: `server-${string}` | `real-${string}` }>;

function listServer(operation: ServerOperation, { servers }: Observed): ListedObject {
  const { server } = operation;
  const key = virtualServerKey(server);
  const held = servers.get(key);
  const object = `virtual server ${key}`;
  if ('real' in operation) {
    const real = held?.reals.get(realServerKey(operation.real));
    const isGone = operation.kind === 'real-delete';
    return {
      object,
      kernel: real === undefined ? NONE : [realServerLine(server, real)],
      desired: isGone ? NONE : [realServerLine(server, operation.real)],
    };
  }
  const isDeleted = operation.kind === 'server-delete';
  const reals = isDeleted ? [...(held?.reals.values() ?? [])] : [];
  return {
    object,
    kernel:
      held === undefined
        ? NONE
        : [virtualServerLine(held.server), ...reals.map((real) => realServerLine(server, real))],
    desired: isDeleted ? NONE : [virtualServerLine(server)],
  };
}

function listWholeSet(set: IpSet, entries: readonly IpSetEntry[], observed: Observed): ListedObject {
  const desired = [createLine(set), ...entryLines({ set: set.name, entries })];
  return { object: `set ${set.name}`, kernel: heldSet(set.name, observed), desired };
}

function heldSet(name: string, { sets }: Observed): Lines {
  const held = sets.get(name);
  if (held === undefined) return NONE;
  return [createLine(held.set), ...[...held.entries.keys()].map((text) => entryLine(name, text))];
}

function entryLines({
  set,
  entries,
}: {
  readonly set: string;
  readonly entries: readonly IpSetEntry[];
}): Lines {
  return entries.map((entry) => entryLine(set, entryText(entry)));
}
