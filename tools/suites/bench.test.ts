import { describe, expect, it } from 'vitest';
import { chooseBenchmarks } from './bench.mjs';

const all = ['core', 'iptables', 'ipvs'];

describe('npm run bench', () => {
  it('runs every benchmark with the flags given', () => {
    expect(chooseBenchmarks(all, ['--smoke'])).toEqual({ names: all, flags: ['--smoke'] });
  });

  it('runs only the benchmarks that are named', () => {
    expect(chooseBenchmarks(all, ['ipvs', 'core', '--smoke'])).toEqual({
      names: ['ipvs', 'core'],
      flags: ['--smoke'],
    });
  });

  it('refuses a name that no benchmark has', () => {
    expect(chooseBenchmarks(all, ['iptable', '--smoke'])).toEqual({
      reason: 'no benchmark iptable: choose from core, iptables, ipvs',
    });
  });
});
