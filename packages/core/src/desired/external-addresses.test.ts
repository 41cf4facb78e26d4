import { describe, expect, it } from 'vitest';
import { remove, serviceObject, sliceObject, TEST_CONFIG, upsert } from '../testing/objects.ts';
import { createModel } from '../track/model.ts';
import { sharedExternalAddresses } from './external-addresses.ts';

const ADDRESS = '198.51.100.7';

/** `shop/cart` with these addresses, and an endpoint of `shop/other` at 198.51.100.7. */
function shared(
  { spec, ingress = [], own = [] }: Cart,
  endpoint: Parameters<typeof sliceObject>[0][number] = { address: ADDRESS },
) {
  const model = createModel(TEST_CONFIG);
  model.apply(upsert('Service', serviceObject({ spec: { type: 'LoadBalancer', ...spec }, ingress })));
  model.apply(upsert('Service', serviceObject({ name: 'other', spec: { clusterIP: '10.96.0.11' } })));
  model.apply(upsert('EndpointSlice', sliceObject([endpoint], { service: 'other' })));
  const { state } = model.build('IPv4');
  return sharedExternalAddresses(state, () => model.endpointAddresses('IPv4'), new Set(own));
}

interface Cart {
  readonly spec: object;
  readonly ingress?: readonly { readonly ip: string }[];
  /** Addresses of this node. */
  readonly own?: readonly string[];
}

const CART = { namespace: 'shop', name: 'cart', address: '198.51.100.7' };

describe('sharedExternalAddresses', () => {
  it.each([
    ['an external IP', { spec: { externalIPs: ['203.0.113.80', ADDRESS] } }],
    ['a load-balancer IP', { spec: {}, ingress: [{ ip: ADDRESS }] }],
    ['both', { spec: { externalIPs: [ADDRESS] }, ingress: [{ ip: ADDRESS }] }],
  ])('names %s that an endpoint of any Service has, once', (_, cart) => {
    expect(shared(cart)).toEqual([CART]);
  });

  it.each([
    ['not ready', { ready: false }],
    ['terminating and no longer serving', { ready: false, serving: false, terminating: true }],
  ])('names that of an endpoint that is %s', (_, conditions) => {
    expect(shared({ spec: { externalIPs: [ADDRESS] } }, { address: ADDRESS, ...conditions })).toEqual([CART]);
  });

  it('leaves addresses of this node, cluster IPs and addresses that no endpoint has', () => {
    const externalIPs = ['203.0.113.80', ADDRESS];
    expect(shared({ spec: { externalIPs }, own: [ADDRESS] })).toEqual([]);
    expect(shared({ spec: { clusterIP: ADDRESS } })).toEqual([]);
    expect(shared({ spec: { externalIPs: ['203.0.113.80'] } })).toEqual([]);
  });

  it('names that of a slice whose port no Service has, or whose Service does not exist, until the slice is deleted', () => {
    const model = createModel(TEST_CONFIG);
    const spec = { type: 'LoadBalancer', externalIPs: [ADDRESS] };
    model.apply(upsert('Service', serviceObject({ spec })));
    model.apply(upsert('EndpointSlice', sliceObject([{ address: ADDRESS }], { service: 'absent' })));
    const { state } = model.build('IPv4');
    const found = () => sharedExternalAddresses(state, () => model.endpointAddresses('IPv4'), new Set());
    expect(found()).toEqual([CART]);
    expect([...model.endpointAddresses('IPv6')]).toEqual([]);
    model.apply(remove('EndpointSlice', 'absent-1'));
    expect(found()).toEqual([]);
  });
});
