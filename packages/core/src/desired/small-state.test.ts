import { describe, expect, it } from 'vitest';
import type { ModelConfig } from '../model/model-config.ts';
import { createModel } from '../track/model.ts';
import { fullChange } from './desired-change.ts';
import { clusterIP, desiredState } from './small-state.ts';
import { checkedChange } from './validate-change.ts';

const CONFIG: ModelConfig = {
  nodeName: 'this-node',
  localDetection: { mode: 'ClusterCIDR', cidrs: [] },
  masqueradeAll: false,
  nodePortAddresses: [],
  localhostNodePorts: false,
  externalIPs: true,
  nodeIPOverride: null,
};

/** As the API server has it. */
function fromKubernetes(addresses: readonly string[]) {
  const model = createModel(CONFIG);
  const metadata = { namespace: 'shop', name: 'web' };
  const spec = { clusterIP: '10.96.0.10', clusterIPs: ['10.96.0.10'], ports: [{ name: 'http', port: 80 }] };
  const slice = {
    metadata: { ...metadata, labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
  };
  model.apply({ type: 'upsert', resource: 'Service', object: { metadata, spec } });
  model.apply({ type: 'upsert', resource: 'EndpointSlice', object: slice });
  return model.build('IPv4').state;
}

describe('a state written by hand', () => {
  it.each([[['10.244.2.7', '10.244.1.5']], [[]]])(
    'of a cluster IP with endpoints %j is that of the equal Service',
    (addresses) => {
      const endpoints = addresses.map((address) => `${address}:8080`);
      const web = clusterIP('10.96.0.10:80', endpoints, { name: 'shop/web:http' });
      const equal = fromKubernetes(addresses);
      const [service] = equal.servicePorts.values();
      const located = (each: object): object => ({ ...each, isLocal: false, onUnknownNode: undefined });
      expect({ ...web, clusterEndpoints: web.clusterEndpoints.map(located) }).toEqual({
        ...service,
        clusterEndpoints: service?.clusterEndpoints.map(located),
        servingEndpoints: web.servingEndpoints,
      });
      expect(desiredState('IPv4', [web]).counts).toEqual(equal.counts);
    },
  );

  it.each([
    ['IPv4', clusterIP('10.96.0.10:80', ['10.244.1.5:8080', '10.244.1.5:8080'])],
    ['IPv4', clusterIP('10.96.0.10:53', ['10.244.1.5:53'], { protocol: 'UDP', affinitySeconds: 60 })],
    ['IPv6', clusterIP('[fd00::0010]:80', ['[fd00::2]:8080'], { masquerade: 'all' })],
    ['IPv6', clusterIP('[fd00::]:65535', [])],
  ] as const)('satisfies the contract of backends: %s, %o', (family, servicePort) => {
    const change = fullChange(desiredState(family, [servicePort]));
    expect(checkedChange(desiredState(family, [servicePort]))).toEqual({ ok: true, value: change });
  });

  it('has the canonical text of addresses, and no endpoint twice', () => {
    const { frontends, clusterEndpoints } = clusterIP('[FD00::0010]:80', ['[fd00::2]:80', '[fd00:0::2]:80']);
    expect(frontends).toMatchObject([{ address: 'fd00::10' }]);
    expect(clusterEndpoints).toEqual([{ address: 'fd00::2', port: 80, isLocal: false }]);
  });

  it.each([
    ['10.96.0.10', [], undefined, 'frontend: "10.96.0.10" is not an address and port'],
    ['10.96.0.10:0', [], undefined, 'frontend: "10.96.0.10:0" is not an address and port'],
    ['10.96.0.10:65536', [], undefined, 'frontend: "10.96.0.10:65536" is not an address and port'],
    ['fd00::1:80', [], undefined, 'frontend: "fd00::1:80" is not an address and port'],
    ['10.96.0.10:80', ['10.1.1.1:80', 'web:80'], undefined, 'endpoints[1]: "web:80" is not'],
    ['10.96.0.10:80', ['[fd00::1]:80'], undefined, 'endpoints[0]: [fd00::1]:80 is not an IPv4 address'],
    ['10.96.0.10:80', [], 'web', 'name: "web" is not a name, as namespace/name'],
  ])('refuses %s, %j, name %s', (frontend, endpoints, name, message) => {
    const options = name === undefined ? {} : { name };
    expect(() => clusterIP(frontend, endpoints, options)).toThrow(message);
  });

  it('is refused with the reason where a service port violates the contract', () => {
    const state = desiredState('IPv4', [clusterIP('10.96.0.10:80', [], { name: 'Shop/web' })]);
    expect(checkedChange(state)).toMatchObject({ ok: false, error: { code: 'rejected' } });
  });
});
