import { describe, expect, it } from 'vitest';
import { createRegistry } from './registry.ts';

describe('the text format', () => {
  it('writes counters, gauges and labels, names in order', async () => {
    const registry = createRegistry();
    registry.counter({ name: 'b_total', help: 'Bees.' }).inc({}, 2);
    registry.gauge({ name: 'a', help: 'line\nbreak', labels: ['x'] }).set(-1.5, { x: 'say "hi"\\\n' });
    expect(await registry.text()).toBe(
      '# HELP a line\\nbreak\n# TYPE a gauge\na{x="say \\"hi\\"\\\\\\n"} -1.5\n# HELP b_total Bees.\n# TYPE b_total counter\nb_total 2\n',
    );
  });

  it('writes labels by name, however they were declared and given', async () => {
    const registry = createRegistry();
    const counter = registry.counter({ name: 'c_total', help: 'C.', labels: ['table', 'family'] });
    counter.inc({ table: 'nat', family: '4' });
    counter.inc({ family: '4', table: 'nat' });
    expect(await registry.text()).toContain('\nc_total{family="4",table="nat"} 2\n');
  });

  it('counts each observation in its bucket and all above', async () => {
    const registry = createRegistry();
    const histogram = registry.histogram({ name: 'h', help: 'H.', labels: ['f'], buckets: [0.1, 1] });
    for (const value of [0.05, 0.1, 0.5, 5]) histogram.observe(value, { f: 'IPv4' });
    expect((await registry.text()).split('\n').slice(2, -1)).toEqual([
      'h_bucket{le="0.1",f="IPv4"} 2',
      'h_bucket{le="1",f="IPv4"} 3',
      'h_bucket{le="+Inf",f="IPv4"} 4',
      'h_sum{f="IPv4"} 5.65',
      'h_count{f="IPv4"} 4',
    ]);
  });

  it('shows metrics without labels from the start, those with labels once they are used', async () => {
    const registry = createRegistry();
    registry.counter({ name: 'plain', help: 'P.' });
    registry.gauge({ name: 'plain_gauge', help: 'P.' });
    registry.gauge({ name: 'plain_read', help: 'P.', as: 'counter' });
    const counter = registry.counter({ name: 'labelled', help: 'L.', labels: ['x'] });
    registry.gauge({ name: 'labelled_gauge', help: 'L.', labels: ['x'] });
    registry.histogram({ name: 'labelled_histogram', help: 'L.', labels: ['x'], buckets: [1] });
    const before = await registry.text();
    for (const name of ['plain', 'plain_gauge', 'plain_read']) expect(before).toContain(`\n${name} 0\n`);
    expect(before).not.toContain('labelled');
    counter.inc({ x: '1' }, 0);
    expect(await registry.text()).toContain('# TYPE labelled counter\nlabelled{x="1"} 0\n');
  });

  it('shows a value that is counted elsewhere as a counter', async () => {
    const registry = createRegistry();
    const read = registry.gauge({ name: 'read_total', help: 'R.', labels: ['x'], as: 'counter' });
    read.set(5, { x: 'a' });
    read.set(7, { x: 'a' });
    read.set(0, { x: 'b' });
    expect(await registry.text()).toBe(
      '# HELP read_total R.\n# TYPE read_total counter\nread_total{x="a"} 7\nread_total{x="b"} 0\n',
    );
  });

  it('removes the samples of one metric', async () => {
    const registry = createRegistry();
    const read = registry.gauge({ name: 'read_total', help: 'R.', labels: ['x'], as: 'counter' });
    const gauge = registry.gauge({ name: 'gauge', help: 'G.', labels: ['x'] });
    for (const each of [read, gauge]) each.set(5, { x: 'a' });
    read.clear();
    expect(await registry.text()).toBe('# HELP gauge G.\n# TYPE gauge gauge\ngauge{x="a"} 5\n');
    gauge.clear();
    expect(await registry.text()).toBe('');
  });

  it('reads values only at a scrape, and waits for those that are read asynchronously', async () => {
    const registry = createRegistry();
    const quick = registry.gauge({ name: 'quick', help: 'Q.' });
    const slow = registry.gauge({ name: 'slow', help: 'S.' });
    let value = 0;
    registry.onCollect(() => quick.set((value += 1)));
    registry.onCollect(async () => {
      await new Promise((resolve) => setImmediate(resolve));
      slow.set(value * 10);
    });
    expect(value).toBe(0);
    expect(await registry.text()).toMatch(/\nquick 1\n[^]*\nslow 10\n/);
    expect(await registry.text()).toMatch(/\nquick 2\n[^]*\nslow 20\n/);
  });

  it('forgets every sample, and starts again at what it showed at first', async () => {
    const registry = createRegistry();
    const first = registry.counter({ name: 'plain', help: 'P.' });
    registry.gauge({ name: 'labelled', help: 'L.', labels: ['x'] }).set(1, { x: '1' });
    first.inc();
    registry.reset();
    expect(await registry.text()).toBe('# HELP plain P.\n# TYPE plain counter\nplain 0\n');
    expect(registry.helpTexts()).toEqual(['P.', 'L.']);
  });

  it('refuses a name twice and labels that were not declared, or not given', () => {
    const registry = createRegistry();
    const counter = registry.counter({ name: 'c', help: 'C.', labels: ['x'] });
    const gauge = registry.gauge({ name: 'g', help: 'G.', labels: ['x', 'y'] });
    const histogram = registry.histogram({ name: 'h', help: 'H.', labels: ['x'], buckets: [1] });
    expect(() => registry.counter({ name: 'c', help: 'C.' })).toThrow('already been registered');
    expect(() => counter.inc({ y: '1' })).toThrow('labels x, not y');
    expect(() => counter.inc()).toThrow('labels x, not');
    expect(() => gauge.set(1, { x: '1' })).toThrow('labels x,y, not x');
    expect(() => histogram.observe(1, { x: '1', y: '1' })).toThrow('labels x, not x,y');
  });
});
