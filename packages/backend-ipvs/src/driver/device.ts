/** The dummy device and its addresses. */
import { backendError, familyOf, type BackendError, type Family } from '@signalbox/core';
import {
  errorOf,
  toBackendError,
  type AddressChange,
  type AddressOptions,
  type Link,
  type NetlinkResult,
} from '@signalbox/netlink';
import { SERVICE_DEVICE } from '../objects/bound-address.ts';
import type { Operation } from '../objects/operation.ts';
import type { Clients } from './clients.ts';
import type { OperationFailure } from './ipvs-driver.ts';

export type AddressOperation = Extract<Operation, { kind: `address-${string}` }>;

export function findDevice({ route }: Clients): Promise<NetlinkResult<Link>> {
  return route.getLink({ name: SERVICE_DEVICE });
}

/** Left down: its addresses are the host's own all the same, and it never sends anything. */
export async function createDevice({ route }: Clients): Promise<BackendError | null> {
  return errorOf(await route.addLink({ name: SERVICE_DEVICE, kind: 'dummy' }));
}

/** Only a dummy: a device of that name and another kind is not owned by Signalbox. */
export async function deleteDevice(clients: Clients): Promise<BackendError | null> {
  const found = await findDevice(clients);
  if (!found.ok) return toBackendError(found.error);
  if (found.value.kind !== 'dummy') {
    return backendError('exists', 'RTM_DELLINK', `${SERVICE_DEVICE} is no dummy device`, {
      kernel: 'unchanged',
    });
  }
  return errorOf(await clients.route.deleteLink({ index: found.value.index }));
}

export async function changeAddresses(
  clients: Clients,
  operations: readonly AddressOperation[],
): Promise<readonly (readonly OperationFailure[])[]> {
  const device = await findDevice(clients);
  if (!device.ok) return operations.map(() => [{ error: toBackendError(device.error), index: 0 }]);
  const { index } = device.value;
  const { route } = clients;
  const outcomes = await route.applyAddresses(operations.map((each) => encodeAddress(each, index)));
  if (!outcomes.ok) return operations.map(() => [{ error: toBackendError(outcomes.error), index: 0 }]);
  const failures = operations.map((operation, at) => ({ operation, error: outcomes.value[at] }));
  const left = failures.filter(
    ({ operation, error }) => operation.kind === 'address-delete' && error?.code === 'not-found',
  );
  const gone = await deleteUnusual(clients, index, new Set(left.map(({ operation }) => operation.address)));
  return failures.map(({ operation: { address }, error }) =>
    error === undefined || gone.has(address) ? [] : [{ error: toBackendError(error), index: 0 }],
  );
}

const NONE: ReadonlySet<string> = new Set();

/** Addresses that another process added with another prefix length, which a deletion has to name. Resolves to those gone. */
async function deleteUnusual(
  { route }: Clients,
  linkIndex: number,
  asked: ReadonlySet<string>,
): Promise<ReadonlySet<string>> {
  if (asked.size === 0) return NONE;
  const listed = await route.listAddresses({ linkIndex });
  const found = (listed.ok ? listed.value : []).filter(({ address }) => asked.has(address));
  const outcomes = await route.applyAddresses(
    found.map((address) => ({ kind: 'delete-address', address }) as const),
  );
  if (!outcomes.ok) return NONE;
  return new Set(found.filter((_, at) => outcomes.value[at] === undefined).map(({ address }) => address));
}

function encodeAddress({ kind, address }: AddressOperation, linkIndex: number): AddressChange {
  const family = familyOf(address);
  const prefixLength = family === 'IPv4' ? 32 : 128;
  const linkAddress = { family, address, prefixLength, linkIndex };
  if (kind === 'address-delete') return { kind: 'delete-address', address: linkAddress };
  return { kind: 'add-address', address: linkAddress, options: ADDRESS_OPTIONS[family] };
}

/**
 * Without these the kernel may choose a service address as the source of what the node sends or masquerades
 * through an interface that has no suitable address itself. No other host behind a dummy device could have the
 * address: no need to ask (`noDad`).
 */
const ADDRESS_OPTIONS: Readonly<Record<Family, AddressOptions>> = {
  IPv4: { scope: 'host' },
  IPv6: { noDad: true, deprecated: true },
};
