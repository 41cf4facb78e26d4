import type { ExpectedOutcome } from '@signalbox/core/testing';

/**
 * What a proxy with sockets does differently from a packet filter, in every scenario: endpoints see the node; a TCP connection
 * is accepted before it can be denied, so it is reset where a filter is silent; and packets to the node's own addresses end at
 * the node.
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
