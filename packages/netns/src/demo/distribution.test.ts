import { shareBar } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import { drawDistributions } from './distribution.ts';
import type { DemoEndpoint, Frontend } from './objects.ts';

const at = { address: '10.244.1.11', port: 8080 };
const frontend: Frontend = {
  kind: 'ClusterIP',
  service: 'shop/web',
  protocol: 'TCP',
  at: { address: '10.96.0.80', port: 80 },
};
const endpoints: readonly DemoEndpoint[] = [
  { service: 'shop/web', pod: 'web-1', node: 'node-a', protocol: 'TCP', at },
  { service: 'shop/web', pod: 'web-3', node: 'node-b', protocol: 'TCP', at },
];

describe('the chart of a distribution', () => {
  it.each([
    [0, ''],
    [0.0125, '▏'],
    [0.25, '██▌'],
    [1, '██████████'],
  ])('draws %d in eighths of a character: "%s"', (share, expected) => {
    expect(shareBar(share)).toBe(expected);
  });

  it('has a column for every pod, names the node of remote ones, and counts what failed', () => {
    const counts = new Map([['web-1', 5]]);
    const [head, row] = drawDistributions([{ frontend, caller: 'shopper', counts, failed: 5 }], endpoints);
    expect(head).toMatch(/^ {2}shop\/web +web-1 +web-3 \(node-b\)$/);
    expect(row).toMatch(/^ {2}shopper ClusterIP 10\.96\.0\.80:80\/tcp +5 █████ +0 +5 failed$/);
  });

  it('marks a pod that answered without being listed', () => {
    const counts = new Map([['10.244.1.99:8080', 1]]);
    const [head] = drawDistributions([{ frontend, caller: 'shopper', counts, failed: 0 }], endpoints);
    expect(head).toMatch(/10\.244\.1\.99:8080!$/);
  });
});
