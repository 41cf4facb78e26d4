/** The device that holds service addresses: a dummy device, or on a kernel without dummy devices a bridge without ports. */
import { otherServiceDevices } from '@signalbox/backend-kit';
import { familyOf, type BackendError, type Family, type Result } from '@signalbox/core';
import {
  toBackendError,
  toResult,
  type AddressOptions,
  type LinkAddress,
  type NetlinkError,
  type NetlinkResult,
  type RouteClient,
} from '@signalbox/netlink';
import { SERVICE_DEVICE, type Observed } from '../objects/observed.ts';

const KINDS = ['dummy', 'bridge'] as const;

export type ObservedDevice = Omit<Observed, 'listeners'>;

export async function observeDevice(route: RouteClient, family: Family): Promise<Result<ObservedDevice>> {
  const link = await route.getLink({ name: SERVICE_DEVICE });
  if (!link.ok && link.error.code !== 'not-found') return toResult(link);
  const listed = await route.listAddresses();
  if (!listed.ok) return toResult(listed);
  const index = link.ok ? link.value.index : -1;
  const others = await otherServiceDevices((selector) => route.getLink(selector), SERVICE_DEVICE);
  const onDevice = listed.value.filter(({ linkIndex }) => linkIndex === index);
  const elsewhere = listed.value.filter(({ linkIndex }) => linkIndex !== index && !others.has(linkIndex));
  const isOwned = link.ok && KINDS.some((kind) => kind === link.value.kind);
  const value: ObservedDevice = {
    device: !link.ok ? 'absent' : isOwned ? 'present' : 'not-owned',
    addresses: new Set(addressesOf(onDevice.filter((each) => isService(each) && each.family === family))),
    isShared: onDevice.some((each) => isService(each) && each.family !== family),
    hostAddresses: new Set(addressesOf(elsewhere)),
  };
  return { ok: true, value };
}

/** The kernel adds a link-local address to a bridge that another process has set up. */
function isService({ address }: LinkAddress): boolean {
  return !address.startsWith('fe80:');
}

function addressesOf(addresses: readonly LinkAddress[]): readonly string[] {
  return addresses.map(({ address }) => address);
}

/** The device stays down: its addresses are local addresses of the node nevertheless, and it sends no packets. */
export async function createDevice(route: RouteClient): Promise<BackendError | null> {
  let error: NetlinkError | null = null;
  for (const kind of KINDS) {
    const made = await route.addLink({ name: SERVICE_DEVICE, kind });
    // The backend of the other family may have created it.
    if (made.ok || made.error.code === 'exists') return null;
    error = made.error;
    if (error.code !== 'unsupported') break;
  }
  return error === null ? null : toBackendError(error);
}

export async function deleteDevice(route: RouteClient): Promise<BackendError | null> {
  const result = await route.deleteLink({ name: SERVICE_DEVICE });
  return harmless(result, 'not-found');
}

/**
 * Without these options the kernel may select a service address as source address of packets of the node. Duplicate address
 * detection is not needed (`noDad`): no other host is reachable through the device.
 */
const ADDRESS_OPTIONS: Readonly<Record<Family, AddressOptions>> = {
  IPv4: { scope: 'host' },
  IPv6: { noDad: true, deprecated: true },
};

/** One outcome for each address. Adding an existing address or deleting an absent one is not a failure. */
export async function changeAddresses(
  route: RouteClient,
  kind: 'address-add' | 'address-delete',
  addresses: readonly string[],
): Promise<readonly (BackendError | null)[]> {
  const link = await route.getLink({ name: SERVICE_DEVICE });
  if (!link.ok) return addresses.map(() => harmless(link, kind === 'address-delete' ? 'not-found' : null));
  const linkIndex = link.value.index;
  const outcomes = await route.applyAddresses(
    addresses.map((address) => {
      const family = familyOf(address);
      const linkAddress = { family, address, prefixLength: family === 'IPv4' ? 32 : 128, linkIndex };
      return kind === 'address-add'
        ? { kind: 'add-address', address: linkAddress, options: ADDRESS_OPTIONS[family] }
        : { kind: 'delete-address', address: linkAddress };
    }),
  );
  if (!outcomes.ok) return addresses.map(() => toBackendError(outcomes.error));
  const accepted = kind === 'address-add' ? 'exists' : 'not-found';
  return addresses.map((_, at) => {
    const error = outcomes.value[at];
    return error === undefined || error.code === accepted ? null : toBackendError(error);
  });
}

function harmless(
  result: NetlinkResult<unknown>,
  accepted: BackendError['code'] | null,
): BackendError | null {
  return result.ok || result.error.code === accepted ? null : toBackendError(result.error);
}
