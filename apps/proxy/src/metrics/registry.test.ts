import { describe, expect, it } from 'vitest';
import { createRegistry } from './registry.ts';

describe('the text format', () => {
  it('writes counters, gauges and labels', () => {
    const registry = createRegistry();
    registry.counter({ name: 'b_total', help: 'Bees.' }).inc({}, 2);
    registry.gauge({ name: 'a', help: 'line\nbreak', labels: ['x'] }).set(-1.5, { x: 'say "hi"\\\n' });
    expect(registry.text()).toBe(
      '# HELP a line\\nbreak\n# TYPE a gauge\na{x="say \\"hi\\"\\\\\\n"} -1.5\n# HELP b_total Bees.\n# TYPE b_total counter\nb_total 2\n',
    );
  });

  it('counts each observation in its bucket and all above', () => {
    const registry = createRegistry();
    const histogram = registry.histogram({ name: 'h', help: 'H.', labels: ['f'], buckets: [0.1, 1] });
    for (const value of [0.05, 0.1, 0.5, 5]) histogram.observe(value, { f: 'IPv4' });
    expect(registry.text().split('\n').slice(2, -1)).toEqual([
      'h_bucket{f="IPv4",le="0.1"} 2',
      'h_bucket{f="IPv4",le="1"} 3',
      'h_bucket{f="IPv4",le="+Inf"} 4',
      'h_sum{f="IPv4"} 5.65',
      'h_count{f="IPv4"} 4',
    ]);
  });

  it('shows metrics without labels from the start, those with labels once they are used', () => {
    const registry = createRegistry();
    registry.counter({ name: 'plain', help: 'P.' });
    registry.counter({ name: 'labelled', help: 'L.', labels: ['x'] });
    expect(registry.text()).toContain('plain 0');
    expect(registry.text()).not.toContain('labelled');
  });

  it('reads values only when somebody looks', () => {
    const registry = createRegistry();
    const gauge = registry.gauge({ name: 'g', help: 'G.' });
    let value = 0;
    registry.onCollect(() => gauge.set((value += 1)));
    expect(registry.text()).toContain('g 1');
    expect(registry.text()).toContain('g 2');
  });

  it('waits, in a scrape, for values that take asking', async () => {
    const registry = createRegistry();
    const gauge = registry.gauge({ name: 'g', help: 'G.' });
    registry.onScrape(async () => {
      await new Promise((resolve) => setImmediate(resolve));
      gauge.set(7);
    });
    expect(registry.text()).toContain('g 0');
    expect(await registry.scrape()).toContain('g 7');
  });

  it('refuses a name twice and labels that were not declared', () => {
    const registry = createRegistry();
    const counter = registry.counter({ name: 'c', help: 'C.', labels: ['x'] });
    expect(() => registry.counter({ name: 'c', help: 'C.' })).toThrow('registered twice');
    expect(() => counter.inc({ y: '1' })).toThrow('labels');
  });
});
