import { describe, expect, it } from 'vitest';
import { setDeclarations } from './sets.ts';

const ALL = { concatenatedIntervals: true, elementCounters: true, clientHash: true };

describe('sets of the table', () => {
  it('have no set of node port addresses where node ports answer on all', () => {
    const names = (nodePorts: 'any-local' | 'ranges') =>
      setDeclarations({ family: 'IPv4', nodePorts, capabilities: ALL }).map(({ name }) => name);
    expect(names('any-local')).not.toContain('nodeport-ips');
    expect(names('ranges').filter((name) => !names('any-local').includes(name))).toEqual(['nodeport-ips']);
  });

  it('count the connections of each endpoint, and rejected packets, where the kernel can, and nothing else: kube-proxy has no such sets', () => {
    const counting = (elementCounters: boolean) =>
      setDeclarations({
        family: 'IPv4',
        nodePorts: 'ranges',
        loopbackSockets: true,
        capabilities: { ...ALL, elementCounters },
      }).flatMap(({ name, counter }) => (counter === true ? [name] : []));
    expect(counting(true)).toEqual([
      'loopback-nodeports',
      'cluster-endpoints',
      'local-endpoints',
      'nodeport-endpoints',
      'nodeport-local-endpoints',
    ]);
    expect(counting(false)).toEqual([]);
  });

  it('have no set of source ranges where the kernel takes no interval in a key of several fields', () => {
    const capabilities = { ...ALL, concatenatedIntervals: false };
    const names = setDeclarations({
      family: 'IPv6',
      nodePorts: 'ranges',
      loopbackSockets: false,
      capabilities,
    }).map(({ name }) => name);
    expect(names).not.toContain('source-ranges');
  });
});
