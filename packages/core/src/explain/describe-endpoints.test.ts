import { describe, expect, it } from 'vitest';
import {
  cart,
  describeCase,
  HERE,
  LOAD_BALANCER,
  modelOf,
  THERE,
  type DescribedCase,
} from '../testing/described-service.ts';
import { sliceObject, upsert } from '../testing/objects.ts';
import type { ServiceDescription } from './service-description.ts';

const endpointsOf = ({ ports }: ServiceDescription): string[] =>
  ports.flatMap(({ endpoints }) =>
    endpoints.map(
      ({ address, port, use, rule, reason }) => `${address}:${port ?? ''} ${use} ${rule} ${reason}`,
    ),
  );

describe('every endpoint, with the reason why it is used or not', () => {
  const ending = { ready: false, serving: true, terminating: true } as const;
  const local = { service: { spec: { internalTrafficPolicy: 'Local' } } };
  const both = {
    service: { ...LOAD_BALANCER, spec: { ...LOAD_BALANCER.spec, externalTrafficPolicy: 'Local' } },
  };
  const rows: readonly (readonly [title: string, of: DescribedCase, endpoints: readonly string[]])[] = [
    ['S6: ready', {}, ['10.244.1.5:8080 cluster S6 ready', '10.244.2.7:8080 cluster S6 ready']],
    [
      'S12: not ready',
      { endpoints: [HERE, { ...THERE, ready: false, serving: false }] },
      ['10.244.1.5:8080 cluster S6 ready', '10.244.2.7:8080 none S12 not ready'],
    ],
    [
      'S12: terminating and no longer serving',
      { endpoints: [{ ...HERE, ready: false, serving: false, terminating: true }] },
      ['10.244.1.5:8080 none S12 terminating, and no longer serving'],
    ],
    [
      'S6: terminating beside a ready one',
      { endpoints: [HERE, { ...THERE, ...ending }] },
      [
        '10.244.1.5:8080 cluster S6 ready',
        '10.244.2.7:8080 none S6 terminating: used only while no endpoint is ready',
      ],
    ],
    [
      'S6: terminating, as nothing is ready',
      { endpoints: [{ ...THERE, ...ending }] },
      ['10.244.2.7:8080 cluster S6 serving while it terminates: no endpoint is ready'],
    ],
    [
      'S7: terminating on this node, ready elsewhere',
      { ...both, endpoints: [{ ...HERE, ...ending }, THERE] },
      [
        '10.244.1.5:8080 local S7 serving while it terminates: no endpoint on this node is ready',
        '10.244.2.7:8080 cluster S13 runs on node node-b: not used with traffic policy Local',
      ],
    ],
    [
      'S4: on another node with internalTrafficPolicy Local',
      { ...local },
      [
        '10.244.1.5:8080 local S7 ready, on this node',
        '10.244.2.7:8080 none S4 runs on node node-b: not used with traffic policy Local',
      ],
    ],
    [
      'S7: terminating on another node with internalTrafficPolicy Local',
      { ...local, endpoints: [{ ...THERE, ...ending }] },
      ['10.244.2.7:8080 none S7 terminating, and runs on node node-b'],
    ],
    [
      'S13: on an unknown node with externalTrafficPolicy Local',
      { ...both, endpoints: [HERE, { address: '10.244.9.9' }] },
      [
        '10.244.1.5:8080 both S7 ready, on this node',
        '10.244.9.9:8080 cluster S13 runs on an unknown node: not used with traffic policy Local',
      ],
    ],
    [
      'S9: hints for another zone',
      {
        endpoints: [
          { ...HERE, zones: ['z1'] },
          { ...THERE, zones: ['z2'] },
        ],
      },
      [
        '10.244.1.5:8080 cluster S6 ready',
        '10.244.2.7:8080 none S9 its topology hints are for zone z2; this node is in zone z1',
      ],
    ],
    [
      'S9: hints for another node',
      {
        endpoints: [
          { ...HERE, nodes: ['node-a'] },
          { ...THERE, nodes: ['node-b'] },
        ],
      },
      [
        '10.244.1.5:8080 cluster S6 ready',
        '10.244.2.7:8080 none S9 its topology hints are for node node-b; this node is in zone z1',
      ],
    ],
    [
      'S8: hints for another zone, on this node, with externalTrafficPolicy Local',
      {
        ...both,
        endpoints: [
          { ...HERE, zones: ['z2'] },
          { ...THERE, zones: ['z1'] },
        ],
      },
      [
        '10.244.1.5:8080 local S8 used with traffic policy Local only: its topology hints are for zone z2; this node is in zone z1',
        '10.244.2.7:8080 cluster S13 runs on node node-b: not used with traffic policy Local',
      ],
    ],
    [
      'F131: the slice port has another name',
      { endpoints: [HERE], slice: { ports: [{ name: 'web', port: 8080 }] } },
      ['10.244.1.5: none F131 EndpointSlice shop/cart-1 has no port http (TCP); its ports: web (TCP)'],
    ],
    [
      'F131: the slice port has another protocol',
      { endpoints: [HERE], slice: { ports: [{ name: 'http', protocol: 'UDP', port: 8080 }] } },
      ['10.244.1.5: none F131 EndpointSlice shop/cart-1 has no port http (TCP); its ports: http (UDP)'],
    ],
    [
      'F131: the slice has no port, as no container port has the name in targetPort',
      { endpoints: [HERE], slice: { ports: [] } },
      ['10.244.1.5: none F131 EndpointSlice shop/cart-1 has no port http (TCP); its ports: none'],
    ],
    [
      'S29: the Service is labelled as headless',
      { service: { metadata: { labels: { 'service.kubernetes.io/headless': '' } } }, endpoints: [HERE] },
      ['10.244.1.5:8080 none S29 the Service has the label service.kubernetes.io/headless'],
    ],
  ];
  it.each(rows)('%s', (_, of, endpoints) => {
    expect(endpointsOf(describeCase(of))).toEqual(endpoints);
  });

  it('contains the node, the zone if the Node is known, hints and conditions', () => {
    const model = modelOf({ endpoints: [{ ...HERE, zones: ['z1'] }, THERE] });
    expect(cart(model).ports[0]?.endpoints).toMatchObject([
      {
        node: 'node-a',
        zone: 'z1',
        hints: { zones: ['z1'] },
        conditions: { ready: true, terminating: false },
      },
      { node: 'node-b', zone: null, hints: null, conditions: { ready: true, serving: true } },
    ]);
  });

  it('counts an address once if one slice has it with the port and another without the port', () => {
    const model = modelOf({ endpoints: [HERE] });
    const ports = [{ name: 'web', port: 1 }];
    model.apply(upsert('EndpointSlice', sliceObject([HERE, THERE], { name: 'cart-2', ports })));
    expect(endpointsOf(cart(model)).map((text) => text.split(' ').slice(0, 2))).toEqual([
      ['10.244.1.5:8080', 'cluster'],
      ['10.244.2.7:', 'none'],
    ]);
  });
});
