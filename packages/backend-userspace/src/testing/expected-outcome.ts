import type { ExpectedOutcome } from '@signalbox/core/testing';

/**
 * Differences of a proxy with sockets from a packet filter, in every scenario: endpoints see an address of the node; a TCP
 * connection is accepted before it can be denied, so it is reset where a filter drops; and packets to the addresses of the node
 * are delivered locally.
 */
export const expectedOutcome: ExpectedOutcome = (packet, expected, host) => {
  switch (expected.kind) {
    case 'forward':
      return {
        kind: 'forward',
        destinations: expected.destinations.map((each) => ({ ...each, masquerade: true })),
      };
    case 'drop':
      return { kind: packet.protocol === 'TCP' ? 'reject' : 'drop' };
    case 'pass':
      return { kind: host.addresses.includes(packet.destination) ? 'reject' : 'pass' };
    case 'reject':
      return expected;
  }
};
