/** The device that holds service addresses. It stays down: its addresses are local addresses of the node nevertheless, and it sends no packets. */
export const SERVICE_DEVICE = 'kube-userspace0';

/** The objects of this mode and family on the node. */
export interface Observed {
  /** `not-owned`: a device of this name with a kind that Signalbox does not create. */
  readonly device: 'absent' | 'present' | 'not-owned';
  /** On the device, of the family. */
  readonly addresses: ReadonlySet<string>;
  /** Whether the device has addresses of the other family. */
  readonly isShared: boolean;
  /** Addresses of all other devices, of both families, including loopback. */
  readonly hostAddresses: ReadonlySet<string>;
  /** Keys of the sockets that this process has open. */
  readonly listeners: ReadonlySet<string>;
}
