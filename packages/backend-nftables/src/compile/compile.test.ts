/** Services and nodes as the rules and elements that nft would list. */
import { sampleServicePort } from '@signalbox/backend-kit/testing';
import type { DesiredNode, DesiredServicePort, Family, Frontend, Route } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import { formatRule } from '../format/rule-text.ts';
import type { Chain } from '../objects/ruleset.ts';
import { sampleContext } from '../testing/compile-context.ts';
import { fixedChains } from './base-chains.ts';
import { clusterIPMasqueradeRules, masqueradingChain } from './masquerade.ts';
import { nodePortIPElements, toNodePortAddress } from './node-ports.ts';
import { compileService } from './service-dispatch.ts';
import { setDeclarations } from './sets.ts';

function textsOf(
  chains: readonly Chain[],
  family: Family = 'IPv4',
): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    chains.map(({ name, rules }) => [name, rules.map((each) => formatRule(each, family))]),
  );
}

function fixed(node: Partial<DesiredNode>, family: Family = 'IPv4') {
  return textsOf(fixedChains(sampleContext(family, node)), family);
}

function compiled(service: DesiredServicePort, context = sampleContext('IPv4')) {
  const { elements, groups, chains, sets } = compileService(service, context);
  return {
    elements: elements.map(({ set, key, data }) => `${set}: ${key}${data === '' ? '' : ` : ${data}`}`),
    groups: groups.map(({ map, frontend, endpoints }) => `${map}: ${frontend}: ${endpoints.length}`),
    chains: textsOf(chains, context.family),
    sets,
  };
}

function withRoutes(service: DesiredServicePort, routes: readonly Route[]): DesiredServicePort {
  return { ...service, frontends: service.frontends.map((frontend): Frontend => ({ ...frontend, routes })) };
}

const route = (source: Route['source'], target: Route['target'], masquerade = false): Route => {
  return { source, target, masquerade, rule: 'S22' };
};

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

describe('session affinity (S31-S33)', () => {
  const service = sampleServicePort('IPv4', { endpoints: 2, affinitySeconds: 60, exposed: 'cluster' });
  const { elements, groups, chains, sets } = compiled(service);

  it('has chains and sets under the names that kube-proxy gives them, and no endpoints in the maps', () => {
    expect(groups).toEqual([]);
    expect(elements).toContain(
      'service-ips: 10.96.0.0 . tcp . 80 : goto service-Z4IK7MRX-shop/service-0/tcp/http',
    );
    expect(sets[0]).toMatchObject({ key: ['ipv4_addr'], flags: ['dynamic', 'timeout'], timeout: 60_000 });
    expect(sets.map(({ name }) => name.replace(/^affinity-\w{8}-/, ''))).toEqual([
      'shop/service-0/tcp/http__10.244.0.0/8080',
      'shop/service-0/tcp/http__10.244.0.1/8080',
    ]);
  });

  it('looks for the client in the set of each endpoint first, then chooses with equal chances', () => {
    const rules = chains['service-Z4IK7MRX-shop/service-0/tcp/http'];
    expect(rules?.map((text) => text.replaceAll(/-\w{8}-shop\S+__/g, '-'))).toEqual([
      'ip saddr @affinity-10.244.0.0/8080 goto endpoint-10.244.0.0/8080',
      'ip saddr @affinity-10.244.0.1/8080 goto endpoint-10.244.0.1/8080',
      'numgen random mod 2 0 goto endpoint-10.244.0.0/8080',
      'goto endpoint-10.244.0.1/8080',
    ]);
  });

  it('notes the client in a rule ahead of the translation, so that a full set rejects no client', () => {
    const [name = '', ...more] = Object.keys(chains).filter((each) => each.startsWith('endpoint-'));
    expect(more).toHaveLength(1);
    expect(chains[name]).toEqual([
      `update @affinity-${name.slice('endpoint-'.length)} { ip saddr }`,
      'meta l4proto tcp dnat to 10.244.0.0:8080',
    ]);
  });
});

describe('source ranges (S24)', () => {
  const ranges = ['198.51.100.0/24', '198.51.100.128/25', '203.0.113.7/32'];
  const service = sampleServicePort('IPv4', { exposed: 'cluster', sourceRanges: ranges });

  it('are elements of one interval set, without ranges that another one contains', () => {
    expect(compiled(service).elements.filter((text) => /^(firewall|source)/.test(text))).toEqual([
      'firewall-ips: 203.0.113.0 . tcp . 80 : goto firewall/ranges',
      'source-ranges: 203.0.113.0 . tcp . 80 . 198.51.100.0/24',
      'source-ranges: 203.0.113.0 . tcp . 80 . 203.0.113.7',
    ]);
  });

  it('are rules of a chain of the service where the kernel has no such set', () => {
    const context = sampleContext('IPv4');
    const { chains, elements } = compiled(service, {
      ...context,
      capabilities: { ...context.capabilities, concatenatedIntervals: false },
    });
    const [name = ''] = Object.keys(chains).filter((each) => each.startsWith('firewall-'));
    expect(elements).toContain(`firewall-ips: 203.0.113.0 . tcp . 80 : goto ${name}`);
    expect(chains[name]).toEqual(['ip saddr 198.51.100.0/24 return', 'ip saddr 203.0.113.7 return', 'drop']);
  });
});

describe('node ports (S19, S40, S41)', () => {
  const services = (nodePortAddresses: DesiredNode['nodePortAddresses']) =>
    fixed({ nodePortAddresses })['services']?.slice(-1);

  it('answer on the addresses that they are restricted to', () => {
    const ranges = { kind: 'ranges', cidrs: ['192.0.2.0/24'], loopback: false } as const;
    expect(services(ranges)).toEqual([
      'ip daddr @nodeport-ips meta l4proto . th dport vmap @service-nodeports',
    ]);
    expect(nodePortIPElements(sampleContext('IPv4', { nodePortAddresses: ranges }).node)).toEqual([
      { set: 'nodeport-ips', key: '192.0.2.10', data: '' },
    ]);
  });

  it('answer on every local address, on loopback addresses only if asked', () => {
    expect(services({ kind: 'any-local', loopback: false })).toEqual([
      'fib daddr type local ip daddr != 127.0.0.0/8 meta l4proto . th dport vmap @service-nodeports',
    ]);
    expect(services({ kind: 'any-local', loopback: true })).toEqual([
      'fib daddr type local meta l4proto . th dport vmap @service-nodeports',
    ]);
  });

  it('answer nowhere if the list is empty', () => {
    const off = { kind: 'ranges', cidrs: [], loopback: false } as const;
    expect(toNodePortAddress(sampleContext('IPv4', { nodePortAddresses: off }))).toBeNull();
    expect(fixed({ nodePortAddresses: off })['nodeport-endpoints-check']).toEqual([]);
  });
});

describe('masquerading (S35, S37, S38)', () => {
  const rules = (node: Partial<DesiredNode>) =>
    clusterIPMasqueradeRules(sampleContext('IPv4', node)).map((each) => formatRule(each, 'IPv4'));

  it('marks connections to cluster IPs that no pod of this node opened', () => {
    expect(rules({ localDetector: { kind: 'cidrs', cidrs: ['10.1.0.0/16', '10.2.0.0/16'] } })).toEqual([
      'ip daddr @cluster-ips ip saddr != 10.1.0.0/16 ip saddr != 10.2.0.0/16 meta mark set meta mark | 0x00004000 comment "masquerade clusterIP traffic from outside cluster"',
    ]);
    expect(rules({ clusterIPMasquerade: 'none' })).toEqual([]);
    expect(rules({ clusterIPMasquerade: 'all' })).toEqual([
      'ip daddr @cluster-ips meta mark set meta mark | 0x00004000 comment "masquerade all traffic to ClusterIPs"',
    ]);
  });

  it('takes the mark off before it masquerades, and masquerades endpoints that reach themselves', () => {
    const { rules: masquerading } = masqueradingChain(sampleContext('IPv6'));
    expect(masquerading.map((each) => formatRule(each, 'IPv6'))).toEqual([
      'meta mark & 0x00004000 != 0x00000000 meta mark set meta mark ^ 0x00004000 masquerade fully-random',
      'ct status dnat ip6 saddr . ip6 daddr . meta l4proto . th dport @hairpin-connections masquerade fully-random',
    ]);
  });
});

describe('what is there without any service', () => {
  it('rejects ports that a cluster IP lacks, and drops what is for addresses that no Service has (S43)', () => {
    const { 'cluster-ips-check': rules } = fixed({ serviceCIDRs: ['10.96.0.0/12', '10.112.0.0/16'] });
    expect(rules).toEqual([
      'ip daddr @cluster-ips reject comment "Reject traffic to invalid ports of ClusterIPs"',
      'ip daddr 10.96.0.0/12 drop comment "Drop traffic to unallocated ClusterIPs"',
      'ip daddr 10.112.0.0/16 drop comment "Drop traffic to unallocated ClusterIPs"',
    ]);
    expect(fixed({ serviceCIDRs: [] })['cluster-ips-check']).toHaveLength(1);
  });

  it('resets TCP over IPv6, where an ICMPv6 error does not end an attempt of the node itself', () => {
    expect(fixed({}, 'IPv6')['reject-chain']).toEqual(['reject with tcp reset', 'reject']);
    expect(fixed({})['reject-chain']).toEqual(['reject']);
  });

  it('has the base chains of kube-proxy, by name, type, hook and priority', () => {
    const bases = fixedChains(sampleContext('IPv4')).flatMap(({ name, base }) =>
      base === undefined ? [] : [`${name}: ${base.type} ${base.hook} ${base.priority}`],
    );
    expect(bases).toEqual([
      'filter-prerouting-pre-dnat: filter prerouting -110',
      'filter-output-pre-dnat: filter output -110',
      'filter-input: filter input 0',
      'filter-forward: filter forward 0',
      'filter-output: filter output 0',
      'nat-prerouting: nat prerouting -100',
      'nat-output: nat output -100',
      'nat-postrouting: nat postrouting 100',
    ]);
  });

  it('has no set of node port addresses where node ports answer on all', () => {
    const capabilities = { concatenatedIntervals: true, elementCounters: true };
    const names = (nodePorts: 'any-local' | 'ranges') =>
      setDeclarations({ family: 'IPv4', nodePorts, capabilities }).map(({ name }) => name);
    expect(names('any-local')).not.toContain('nodeport-ips');
    expect(names('ranges').filter((name) => !names('any-local').includes(name))).toEqual(['nodeport-ips']);
  });
});
