import { describe, expect, it } from 'vitest';
import type { ServicePortName } from '@signalbox/core';
import {
  endpointChainHash,
  nftablesEndpointName,
  nftablesServiceName,
  servicePortChainHash,
} from './chain-hash.ts';

function tcp(namespace: string, name: string, port: string): ServicePortName {
  return { namespace, name, port, protocol: 'TCP' };
}

const CART = tcp('shop', 'cart', 'http');
const V4 = { address: '10.1.2.3', port: 8080 };
const V6 = { address: 'fd00::5', port: 8080 };

const VECTORS: readonly (readonly [what: string, got: string, expected: string])[] = [
  ['ns5/svc5:p80', servicePortChainHash(tcp('ns5', 'svc5', 'p80')), 'NUKIZ6OKUXPJNT4C'],
  ['shop/cart:http', servicePortChainHash(CART), 'I5LIAMPLWKMBJ54B'],
  ['shop/cart, unnamed port', servicePortChainHash(tcp('shop', 'cart', '')), 'N5W5PH5NLY2BP4HG'],
  ['an IPv4 endpoint', endpointChainHash(CART, V4), 'MEBOXHG24OCCYJIN'],
  ['an IPv6 endpoint', endpointChainHash(CART, V6), 'OI5TEGZ23EYEROPB'],
  ['ns1/svc1:p80', nftablesServiceName(tcp('ns1', 'svc1', 'p80')), 'ULMVA6XW-ns1/svc1/tcp/p80'],
  ['shop/cart:http', nftablesServiceName(CART), '242WI43H-shop/cart/tcp/http'],
  ['unnamed port', nftablesServiceName(tcp('shop', 'cart', '')), 'IJTWSMUZ-shop/cart/tcp/'],
  ['an IPv4 endpoint', nftablesEndpointName(CART, V4), 'SFATYIIT-shop/cart/tcp/http__10.1.2.3/8080'],
  ['an IPv6 endpoint', nftablesEndpointName(CART, V6), 'EJPTODCU-shop/cart/tcp/http__fd00..5/8080'],
];

describe('names that kube-proxy gives to its chains', () => {
  for (const [what, got, expected] of VECTORS) {
    it(what, () => {
      expect(got).toBe(expected);
    });
  }

  it('cuts long names to 240 characters and keeps them apart by their hash', () => {
    const long = (last: string): ServicePortName =>
      tcp('n'.repeat(63), `${'s'.repeat(250)}${last}`, 'p'.repeat(63));
    const [one, other] = [nftablesServiceName(long('a')), nftablesServiceName(long('b'))];
    expect(one).toHaveLength(240);
    expect(one.endsWith('...')).toBe(true);
    expect(one).not.toBe(other);
  });

  it('F131: the protocol is part of the name', () => {
    const udp: ServicePortName = { ...CART, protocol: 'UDP' };
    expect(servicePortChainHash(udp)).not.toBe(servicePortChainHash(CART));
    expect(nftablesServiceName(udp)).toContain('-shop/cart/udp/http');
  });
});
