import { describe, expect, it } from 'vitest';
import { fullOf, NETWORK_ID, service, testHost } from '../testing/fixtures.ts';
import { incremental } from '../testing/random-host.ts';
import { createWinvfpBackend } from '../backend.ts';
import { readEndpointDocument, readLoadBalancerDocument, readNetworkDocument } from './documents.ts';

const NOTHING = incremental([], [], []);
const MAPPING = { Protocol: 6, InternalPort: 1, ExternalPort: 2 };

describe('documents of every shape', () => {
  it.each([{}, { HostComputeEndpoints: null, FrontendVIPs: null, PortMappings: null }])(
    'lists that are not there are empty: %j',
    (fields) => {
      expect(readLoadBalancerDocument({ ID: 'A', ...fields })).toMatchObject({
        HostComputeEndpoints: [],
        FrontendVIPs: [],
        PortMappings: [],
      });
    },
  );

  it('addresses and policies that cannot be read are skipped', () => {
    const odd = {
      IpConfigurations: [null, {}, { IpAddress: '' }, { IpAddress: '10.0.0.1' }],
      Policies: [null],
    };
    expect(readEndpointDocument({ ID: 'A', ...odd })).toMatchObject({
      IpConfigurations: [{ IpAddress: '10.0.0.1' }],
      Policies: [],
    });
    const routes = [{ Type: 'RemoteSubnetRoute' }, { Settings: {} }];
    expect(readNetworkDocument({ ID: 'A', Policies: routes }).Policies).toEqual([
      { Type: 'RemoteSubnetRoute', Settings: {} },
    ]);
  });

  it.each([{ FrontendVIPs: [null] }, { PortMappings: [MAPPING, null] }])(
    'what is half read is not taken for something else: %j',
    (fields) => {
      const read = readLoadBalancerDocument({ ID: 'A', PortMappings: [MAPPING], ...fields });
      expect(read.PortMappings).toEqual([]);
    },
  );
});

describe("other programs' objects never stop a sync", () => {
  const odd = [
    ['load-balancer', { FrontendVIPs: ['203.0.113.200'], PortMappings: [MAPPING] }],
    ['load-balancer', { HostComputeEndpoints: null, PortMappings: [MAPPING] }],
    ['endpoint', { HostComputeNetwork: NETWORK_ID, IpConfigurations: [{ PrefixLength: 0 }] }],
    ['endpoint', { HostComputeNetwork: NETWORK_ID, IpConfigurations: [null], Flags: 1 }],
    ['network', { Name: 'cbr0', Type: 'Overlay', Policies: [{ Type: 'RemoteSubnetRoute' }] }],
  ] as const;

  it.each(odd)('%s %j', async (kind, fields) => {
    const host = testHost();
    const notOwned = JSON.stringify({ ID: 'F0000000-0000-4000-8000-000000000009', ...fields });
    const backend = createWinvfpBackend({
      family: 'IPv4',
      networkName: 'cbr0',
      nodeIP: '192.0.2.10',
      enableDSR: true,
      hcn: {
        call: async (request) => {
          const reply = await host.recorder.call(request);
          const hit = request.op === 'list' && request.kind === kind;
          return hit ? { ...reply, items: [...reply.items, notOwned] } : reply;
        },
      },
    });
    expect(await backend.sync(fullOf(service()))).toMatchObject({ outcome: 'ok' });
    expect(await backend.sync(NOTHING)).toMatchObject({ outcome: 'ok' });
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
    expect(await backend.cleanup()).toMatchObject({ outcome: 'ok' });
  });
});
