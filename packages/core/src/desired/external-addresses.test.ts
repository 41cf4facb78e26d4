import { describe, expect, it } from 'vitest';
import { serviceObject, sliceObject, TEST_CONFIG, upsert } from '../testing/objects.ts';
import { createModel } from '../track/model.ts';
import { sharedExternalAddresses } from './external-addresses.ts';

/** `shop/cart` with these addresses, and an endpoint of `shop/other` at 198.51.100.7. */
function state(spec: object, ingress: readonly { readonly ip: string }[] = []) {
  const model = createModel(TEST_CONFIG);
  model.apply(upsert('Service', serviceObject({ spec: { type: 'LoadBalancer', ...spec }, ingress })));
  model.apply(upsert('Service', serviceObject({ name: 'other', spec: { clusterIP: '10.96.0.11' } })));
  model.apply(upsert('EndpointSlice', sliceObject([{ address: '198.51.100.7' }], { service: 'other' })));
  return model.build('IPv4').state;
}

const CART = { namespace: 'shop', name: 'cart', address: '198.51.100.7' };

describe('sharedExternalAddresses', () => {
  it.each([
    ['an external IP', state({ externalIPs: ['203.0.113.80', '198.51.100.7'] })],
    ['a load-balancer IP', state({}, [{ ip: '198.51.100.7' }])],
    ['both', state({ externalIPs: ['198.51.100.7'] }, [{ ip: '198.51.100.7' }])],
  ])('names %s that an endpoint of any Service has, once', (_, built) => {
    expect(sharedExternalAddresses(built, new Set())).toEqual([CART]);
  });

  it('leaves addresses of this node, cluster IPs and addresses that no endpoint has', () => {
    const built = state({ externalIPs: ['203.0.113.80', '198.51.100.7'] });
    expect(sharedExternalAddresses(built, new Set(['198.51.100.7']))).toEqual([]);
    expect(sharedExternalAddresses(state({ clusterIP: '198.51.100.7' }), new Set())).toEqual([]);
    expect(sharedExternalAddresses(state({ externalIPs: ['203.0.113.80'] }), new Set())).toEqual([]);
  });
});
