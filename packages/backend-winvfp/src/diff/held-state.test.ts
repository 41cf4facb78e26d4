import { describe, expect, it } from 'vitest';
import { remoteMac } from '../compile/names.ts';
import type { HcnEndpoint, HcnLoadBalancer } from '../objects/hcn-documents.ts';
import { frontendOf, loadBalancerFamily, sameButEndpoints, sameLoadBalancer } from './frontend.ts';
import { createHeldState, type HeldState } from './held-state.ts';
import { createOwnership } from './ownership.ts';
import { unreferencedEndpoints } from './unreferenced.ts';

const LOCAL: HcnEndpoint = {
  ID: 'a0000000-0000-4000-8000-000000000001',
  HostComputeNetwork: 'N',
  IpConfigurations: [{ IpAddress: '10.244.1.2' }],
};
const REMOTE: HcnEndpoint = {
  ID: 'B0000000-0000-4000-8000-000000000001',
  HostComputeNetwork: 'N',
  IpConfigurations: [{ IpAddress: '10.244.1.2' }],
  MacAddress: remoteMac('10.244.1.2').toUpperCase().replaceAll('-', ':'),
  Flags: 1,
};
const BALANCER: HcnLoadBalancer = {
  ID: 'c0000000-0000-4000-8000-000000000001',
  HostComputeEndpoints: [REMOTE.ID.toLowerCase()],
  FrontendVIPs: ['10.96.0.10'],
  PortMappings: [{ Protocol: 6, InternalPort: 8080, ExternalPort: 80 }],
};

function held(...endpoints: readonly HcnEndpoint[]): HeldState {
  const state = createHeldState({
    family: 'IPv4',
    network: { ID: 'N', Name: 'cbr0' },
    owned: createOwnership(),
  });
  for (const endpoint of endpoints) state.putEndpoint(endpoint);
  return state;
}

describe('two load balancers at one frontend', () => {
  const owned = { ...BALANCER, ID: '53674278-0000-8000-B000-000000000001' };
  it.each([
    ['before', [owned, BALANCER]],
    ['after', [BALANCER, owned]],
  ])('the owned one counts, listed %s the other', (_title, listed) => {
    const state = held(REMOTE);
    for (const balancer of listed) state.putLoadBalancer(balancer);
    expect(state.byFrontend('10.96.0.10:80/tcp')?.id).toBe(owned.ID);
  });
});

describe('what HNS holds', () => {
  it.each([
    ['first', [LOCAL, REMOTE]],
    ['last', [REMOTE, LOCAL]],
  ])('k/k#138603: of two endpoints with one address the local one counts, listed %s', (_title, endpoints) => {
    const state = held(...endpoints);
    expect(state.byAddress('10.244.1.2')?.document).toBe(LOCAL);
    // Also where an endpoint for the address itself is desired, the remote one beside the local one is removed.
    const kept = new Set(['10.244.1.2']);
    expect(unreferencedEndpoints(state, 'IPv4', kept).map((entry) => entry.document)).toEqual([REMOTE]);
  });

  it('counts references whatever the case of an id, and releases them with the load balancer', () => {
    const state = held(REMOTE);
    state.putLoadBalancer(BALANCER);
    expect([...state.unreferenced()]).toEqual([]);
    state.putLoadBalancer({ ...BALANCER, HostComputeEndpoints: [] });
    expect([...state.unreferenced()]).toHaveLength(1);
    state.putLoadBalancer(BALANCER);
    state.removeLoadBalancer(BALANCER.ID.toUpperCase());
    expect([...state.unreferenced()]).toHaveLength(1);
    state.removeEndpoint(REMOTE.ID);
    expect([...state.unreferenced()]).toEqual([]);
    expect(state.byAddress('10.244.1.2')).toBeUndefined();
  });

  it('finds endpoints by name as long as they have it', () => {
    const state = held({ ...LOCAL, Name: 'cbr0_ep' });
    expect(state.byName('cbr0_ep')?.id).toBe(LOCAL.ID.toUpperCase());
    state.putEndpoint({ ...LOCAL, Name: 'renamed' });
    expect(state.byName('cbr0_ep')).toBeUndefined();
    expect(state.byName('renamed')).toBeDefined();
  });

  it('ignores policies of a form that no service proxy creates', () => {
    const state = held(LOCAL);
    state.putLoadBalancer({ ...BALANCER, FrontendVIPs: ['10.96.0.10', '10.96.0.11'] });
    state.putLoadBalancer({ ...BALANCER, PortMappings: [{ Protocol: 1, InternalPort: 1, ExternalPort: 1 }] });
    state.putLoadBalancer({ ...BALANCER, FrontendVIPs: ['fd00::a'], Flags: 2 });
    expect([...state.loadBalancers.values()]).toEqual([]);
  });
});

describe('documents', () => {
  it('the VIP determines the family before the flag, which kube-proxy omits on health checks', () => {
    expect(loadBalancerFamily({ ...BALANCER, FrontendVIPs: ['fd00::a'] })).toBe('IPv6');
    expect(loadBalancerFamily({ ...BALANCER, FrontendVIPs: [], Flags: 2 })).toBe('IPv6');
    expect(loadBalancerFamily(BALANCER)).toBe('IPv4');
  });

  it('a frontend is read back in one spelling', () => {
    expect(frontendOf({ ...BALANCER, FrontendVIPs: ['FD00:0:0:0:0:0:0:A'] })).toBe('[fd00::a]:80/tcp');
    expect(frontendOf({ ...BALANCER, FrontendVIPs: [] })).toBe('*:80/tcp');
  });

  it('are equal whatever their order, case and zero fields', () => {
    const ids = ['aa', 'BB'];
    const left = { ...BALANCER, HostComputeEndpoints: ids, Flags: 0 };
    const right = { ...BALANCER, HostComputeEndpoints: ['bb', 'AA'], SourceVIP: '' };
    expect(sameLoadBalancer(left, right)).toBe(true);
    expect(sameLoadBalancer(left, { ...right, Flags: 1 })).toBe(false);
    expect(sameLoadBalancer(left, { ...right, SourceVIP: '10.0.0.1' })).toBe(false);
  });

  it('endpoints and internal port may be changed in place, nothing else', () => {
    const mapping = { Protocol: 6, InternalPort: 9090, ExternalPort: 80 };
    const moved = { ...BALANCER, HostComputeEndpoints: ['x'], PortMappings: [mapping] };
    expect(sameButEndpoints(BALANCER, moved)).toBe(true);
    expect(sameButEndpoints(BALANCER, { ...moved, PortMappings: [{ ...mapping, Flags: 16 }] })).toBe(false);
  });
});
