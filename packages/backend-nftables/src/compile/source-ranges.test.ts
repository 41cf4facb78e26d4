import { sampleServicePort } from '@signalbox/backend-kit/testing';
import { describe, expect, it } from 'vitest';
import { sampleContext } from '../testing/compile-context.ts';
import { compiled } from '../testing/compiled.ts';

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
