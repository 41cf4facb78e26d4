/** One direction of a tracked connection, as the kernel reports it. Addresses canonical. */
export interface FlowTuple {
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
}

/**
 * An entry of the kernel's connection table. Where a connection was sent to an endpoint, `reply.source` is the
 * endpoint while `original.destination` is still the address that the client connected to.
 */
export interface Flow {
  /** IANA number: 17 for UDP. */
  readonly protocol: number;
  readonly original: FlowTuple;
  readonly reply: FlowTuple;
}
