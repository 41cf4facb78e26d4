import { sampleServicePort } from '@signalbox/backend-kit/testing';
import { describe, expect, it } from 'vitest';
import { sampleContext } from '../testing/compile-context.ts';
import { compiled, route, withRoutes } from '../testing/compiled.ts';

describe('routes of frontends (S21, S22, S35)', () => {
  it('lead straight to the pick chain where nothing but the endpoints is left', () => {
    const { elements, groups, chains } = compiled(sampleServicePort('IPv4', { endpoints: 3 }));
    expect(elements).toEqual([
      'cluster-ips: 10.96.0.0',
      'service-ips: 10.96.0.0 . tcp . 80 : goto pick/4',
      'hairpin-connections: 10.244.0.0 . 10.244.0.0 . tcp . 8080',
      'hairpin-connections: 10.244.0.2 . 10.244.0.2 . tcp . 8080',
    ]);
    expect(groups).toEqual(['cluster-endpoints: 10.96.0.0 . tcp . 80: 3']);
    expect(chains).toEqual({});
  });

  it('share a chain by their text: masquerading, and sources with endpoints of their own', () => {
    const service = sampleServicePort('IPv4', { endpoints: 3, exposed: 'local' });
    const { elements, chains } = compiled(service);
    expect(elements).toContain('service-ips: 203.0.113.0 . tcp . 80 : goto route/pods.c4/node.m.c4/any.l2');
    expect(elements).toContain('service-nodeports: tcp . 30000 : goto route/pods.n4/node.m.n4/any.o2');
    expect(chains['route/pods.c4/node.m.c4/any.l2']).toEqual([
      'ip saddr 10.244.0.0/16 goto pick/4',
      'fib saddr type local meta mark set meta mark | 0x00004000 goto pick/4',
      'goto pick-local/2',
    ]);
  });

  it('match each range or interface of local pods by a rule of its own', () => {
    const service = sampleServicePort('IPv4', { endpoints: 1, exposed: 'local' });
    const detectors = [
      { kind: 'cidrs', cidrs: ['10.1.0.0/16', '10.2.0.0/16'] },
      { kind: 'interface', name: 'cni0' },
      { kind: 'interface-prefix', prefix: 'veth' },
      { kind: 'interface-prefix', prefix: 'interface-of-15' },
      { kind: 'none' },
    ] as const;
    const rules = detectors.map((localDetector) => {
      const { chains } = compiled(service, sampleContext('IPv4', { localDetector }));
      return chains['route/pods.c1/node.m.c1/any.l1']?.filter((text) => !text.startsWith('fib'));
    });
    expect(rules).toEqual([
      ['ip saddr 10.1.0.0/16 goto pick/1', 'ip saddr 10.2.0.0/16 goto pick/1', 'goto pick-local/1'],
      ['iifname "cni0" goto pick/1', 'goto pick-local/1'],
      ['iifname "veth*" goto pick/1', 'goto pick-local/1'],
      ['iifname "interface-of-15" goto pick/1', 'goto pick-local/1'],
      ['goto pick-local/1'],
    ]);
  });

  it('that refuse have no rule in nat, but an element that the filter chains read', () => {
    const service = withRoutes(sampleServicePort('IPv4', { exposed: 'local' }), [
      route('local-pods', 'cluster'),
      route('any', 'drop'),
    ]);
    const { elements, chains } = compiled(service);
    expect(elements).toContain('no-endpoint-services: 203.0.113.0 . tcp . 80 : drop');
    expect(elements).toContain('no-endpoint-nodeports: tcp . 30000 : drop');
    expect(chains['route/pods.c2']).toEqual(['ip saddr 10.244.0.0/16 goto pick/2']);
  });

  it('that all refuse have no frontend at all', () => {
    const { elements, groups, chains } = compiled(
      sampleServicePort('IPv4', { endpoints: 0, exposed: 'cluster' }),
    );
    expect(elements).toEqual([
      'cluster-ips: 10.96.0.0',
      'no-endpoint-services: 10.96.0.0 . tcp . 80 : goto reject-chain',
      'no-endpoint-services: 203.0.113.0 . tcp . 80 : goto reject-chain',
      'no-endpoint-nodeports: tcp . 30000 : goto reject-chain',
    ]);
    expect([groups, chains]).toEqual([[], {}]);
  });

  it('to more than 1,024 endpoints bring the chain of their class', () => {
    const { chains } = compiled(sampleServicePort('IPv4', { endpoints: 1025 }));
    expect(Object.keys(chains)).toEqual(['pick/2048']);
  });
});
