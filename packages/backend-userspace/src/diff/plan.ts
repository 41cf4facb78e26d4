/** Plans the operations from the held objects to the desired ones, in the order in which they have to run. Pure. */
import { listenerKey, sameListener, type Listener } from '../objects/listener.ts';
import type { Operation } from '../objects/operation.ts';

/** The objects that are known to exist. */
export interface HeldState {
  hasDevice: boolean;
  readonly addresses: Set<string>;
  readonly listeners: Map<string, Listener>;
  /** Addresses of other devices, which are not also assigned to the service device. */
  readonly hostAddresses: ReadonlySet<string>;
}

export interface PlanInput {
  readonly desired: {
    readonly listeners: { get(key: string): Listener | undefined };
    readonly addresses: { has(address: string): boolean };
  };
  readonly held: HeldState;
  /** Keys of objects that may differ. */
  readonly listeners: Iterable<string>;
  readonly addresses: Iterable<string>;
}

/** A socket is opened after its address is assigned; an address is deleted after its sockets are closed. */
export function planOperations({ desired, held, listeners, addresses }: PlanInput): readonly Operation[] {
  const adds: Operation[] = [];
  const deletes: Operation[] = [];
  for (const address of addresses) {
    const isDesired = desired.addresses.has(address) && !held.hostAddresses.has(address);
    if (isDesired === held.addresses.has(address)) continue;
    if (isDesired) adds.push({ kind: 'address-add', address });
    else deletes.push({ kind: 'address-delete', address });
  }
  const device: readonly Operation[] = adds.length > 0 && !held.hasDevice ? [{ kind: 'device-create' }] : [];
  const [opens, closes] = planListeners([...listeners], desired, held);
  return [...device, ...adds, ...closes, ...opens, ...deletes];
}

function planListeners(
  keys: readonly string[],
  desired: PlanInput['desired'],
  held: HeldState,
): readonly [readonly Operation[], readonly Operation[]] {
  const opens: Operation[] = [];
  const closes: Operation[] = [];
  for (const key of keys) {
    const [before, after] = [held.listeners.get(key), desired.listeners.get(key)];
    if (after === undefined && before !== undefined)
      closes.push({ kind: 'listener-close', listener: before });
    if (after === undefined) continue;
    if (before === undefined) opens.push({ kind: 'listener-open', listener: after });
    else if (!sameListener(before, after)) opens.push({ kind: 'listener-update', listener: after });
  }
  return [opens, closes];
}

/** Records the change of an operation that succeeded. */
export function noteDone(held: HeldState, operation: Operation): void {
  switch (operation.kind) {
    case 'device-create':
    case 'device-delete':
      held.hasDevice = operation.kind === 'device-create';
      return;
    case 'address-add':
      held.addresses.add(operation.address);
      return;
    case 'address-delete':
      held.addresses.delete(operation.address);
      return;
    case 'listener-open':
    case 'listener-update':
      held.listeners.set(listenerKey(operation.listener), operation.listener);
      return;
    case 'listener-close':
      held.listeners.delete(listenerKey(operation.listener));
  }
}
