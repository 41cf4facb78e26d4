/** The device that holds service addresses. Stays down: its addresses are the host's own all the same, and it sends nothing. */
export const SERVICE_DEVICE = 'kube-userspace0';

/** What the node has of this mode and family. */
export interface Observed {
  /** `not-owned`: a device of this name that Signalbox cannot have created. */
  readonly device: 'absent' | 'present' | 'not-owned';
  /** On the device, of the family. */
  readonly addresses: ReadonlySet<string>;
  /** Whether the device has addresses of the other family. */
  readonly isShared: boolean;
  /** Of all other devices, both families, loopback included. */
  readonly hostAddresses: ReadonlySet<string>;
  /** Keys of the sockets that this process has open. */
  readonly listeners: ReadonlySet<string>;
}
