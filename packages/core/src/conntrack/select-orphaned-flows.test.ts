import { describe, expect, it } from 'vitest';
import { serviceObject, sliceObject, TEST_CONFIG, upsert } from '../testing/objects.ts';
import { createModel } from '../track/model.ts';
import type { Flow } from './flow.ts';
import { selectOrphanedFlows } from './select-orphaned-flows.ts';

const [TCP, UDP, SCTP] = [6, 17, 132];

/** A flow of a client to `destination`, answered by `source`. */
function flow(destination: string, source: string, protocol = UDP, port = 53): Flow {
  const client = '198.51.100.7';
  return {
    protocol,
    original: { source: client, sourcePort: 40_000, destination, destinationPort: port },
    reply: { source, sourcePort: 5353, destination: client, destinationPort: 40_000 },
  };
}

/** With a service on 10.96.0.10:53, an external IP of it in the service range, and an endpoint 10.244.1.5:5353. */
function stateOf(protocol: 'UDP' | 'SCTP', ...serviceCIDRs: readonly string[]) {
  const model = createModel(TEST_CONFIG);
  const ports = [{ name: 'dns', port: 53, protocol, nodePort: 30_053 }];
  model.apply(upsert('Service', serviceObject({ spec: { ports, externalIPs: ['10.96.9.9'] } })));
  const slicePorts = [{ name: 'dns', port: 5353, protocol }];
  model.apply(upsert('EndpointSlice', sliceObject([{ address: '10.244.1.5' }], { ports: slicePorts })));
  serviceCIDRs.forEach((cidr, at) =>
    model.apply(upsert('ServiceCIDR', { metadata: { name: `range-${at}` }, spec: { cidrs: [cidr] } })),
  );
  return model.build('IPv4').state;
}

const state = (...serviceCIDRs: readonly string[]) => stateOf('UDP', ...serviceCIDRs);

describe('selectOrphanedFlows', () => {
  it('S47: selects what was redirected for an address or port of the service ranges that no Service has', () => {
    const flows = [
      flow('10.96.0.99', '10.244.1.66'),
      flow('10.96.0.10', '10.244.1.66', UDP, 54),
      flow('10.96.0.10', '10.244.1.5', SCTP),
      flow('10.97.0.1', '10.244.1.5'),
    ];
    expect(selectOrphanedFlows(state('10.96.0.0/16', '10.97.0.0/24'), flows)).toEqual(flows);
    expect(selectOrphanedFlows(state('10.96.0.0/16'), flows)).toEqual(flows.slice(0, 3));
  });

  it.each([
    ['UDP', UDP, SCTP],
    ['SCTP', SCTP, UDP],
  ] as const)(
    'keeps %s flows to the frontends of existing Services, whatever their reply source',
    (name, own, other) => {
      const kept = [flow('10.96.0.10', '10.244.1.66', own), flow('10.96.9.9', '10.244.1.5', own)];
      const orphaned = [flow('10.96.0.10', '10.244.1.66', other)];
      expect(selectOrphanedFlows(stateOf(name, '10.96.0.0/16'), [...kept, ...orphaned])).toEqual(orphaned);
    },
  );

  it('leaves what other programs redirected: host ports, containers, external addresses', () => {
    const flows = [
      flow('192.0.2.10', '10.244.1.66'),
      flow('192.0.2.10', '10.88.0.2', UDP, 30_053),
      flow('203.0.113.80', '10.244.1.5'),
      flow('10.244.1.5', '10.244.1.5'),
    ];
    expect(selectOrphanedFlows(state('10.96.0.0/16'), flows)).toEqual([]);
  });

  it('leaves what was never redirected: it reaches no pod', () => {
    const direct: Flow = { ...flow('10.96.0.99', '10.96.0.99') };
    const back = { ...direct.reply, sourcePort: 53 };
    expect(selectOrphanedFlows(state('10.96.0.0/16'), [{ ...direct, reply: back }])).toEqual([]);
  });

  it('S48: leaves TCP', () => {
    expect(selectOrphanedFlows(state('10.96.0.0/16'), [flow('10.96.0.99', '10.244.1.66', TCP)])).toEqual([]);
  });

  it('selects nothing where the service ranges are unknown', () => {
    expect(selectOrphanedFlows(state(), [flow('10.96.0.99', '10.244.1.66')])).toEqual([]);
  });
});
