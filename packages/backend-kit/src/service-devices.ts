/**
 * Devices that hold service addresses: of ipvs mode (kube-proxy has the same) and of userspace mode. While one mode replaces
 * another both have one: an address of the former mode's device is not an address that the node has anyway, since it goes with
 * that device.
 */
export const SERVICE_DEVICES: readonly string[] = ['kube-ipvs0', 'kube-userspace0'];

/** The part of a netlink client that this needs. */
type GetLink = (link: {
  readonly name: string;
}) => Promise<{ readonly ok: true; readonly value: { readonly index: number } } | { readonly ok: false }>;

/** Numbers of the devices of other modes. */
export async function otherServiceDevices(getLink: GetLink, own: string): Promise<ReadonlySet<number>> {
  const others = SERVICE_DEVICES.filter((name) => name !== own);
  const found = await Promise.all(others.map((name) => getLink({ name })));
  return new Set(found.flatMap((link) => (link.ok ? [link.value.index] : [])));
}
