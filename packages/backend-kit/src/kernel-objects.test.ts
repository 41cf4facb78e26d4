import { describe, expect, it } from 'vitest';
import { objectStates, selectServices, sumCounts } from './kernel-objects.ts';

const CHAIN = { type: 'chain', name: 'KUBE-SVC-A', within: 'nat' } as const;

describe('the state of a kernel object', () => {
  it('is that of the difference of the same type, name and container', () => {
    const stateOf = objectStates([
      { kind: 'altered', ...CHAIN },
      { kind: 'missing', type: 'element', name: '10.96.0.1 . tcp . 80', within: 'service-ips' },
    ]);
    expect(stateOf(CHAIN).state).toBe('altered');
    expect(stateOf({ ...CHAIN, within: 'filter' }).state).toBe('held');
    expect(stateOf({ type: 'element', name: '10.96.0.1 . tcp . 80', within: 'service-ips' }).state).toBe(
      'missing',
    );
  });

  it('is held where a difference is another process’s addition', () => {
    expect(objectStates([{ kind: 'stale', ...CHAIN }])(CHAIN).state).toBe('held');
  });

  it('is missing where its container or the table is', () => {
    const element = { type: 'element', name: '10.96.0.1', within: 'cluster-ips' } as const;
    expect(objectStates([{ kind: 'missing', type: 'set', name: 'cluster-ips' }])(element).state).toBe(
      'missing',
    );
    expect(objectStates([{ kind: 'missing', type: 'table', name: 'kube-proxy' }])(CHAIN).state).toBe(
      'missing',
    );
  });
});

describe('the service ports of an inspection', () => {
  it('are those that were named and exist, or all', () => {
    const all = new Map([
      ['shop/a:http/TCP', 1],
      ['shop/b:http/TCP', 2],
    ]);
    expect([...selectServices(all, ['shop/b:http/TCP', 'shop/none:http/TCP'])]).toEqual([
      ['shop/b:http/TCP', 2],
    ]);
    expect(selectServices(all, null)).toBe(all);
  });
});

describe('connections', () => {
  it('are summed for each endpoint', () => {
    const a = { address: '10.244.0.5', port: 8080 };
    const b = { address: '10.244.0.5', port: 9090 };
    const counts = [
      { ...a, connections: 3 },
      { ...b, connections: 1 },
      { ...a, connections: 4 },
    ];
    expect(sumCounts(counts)).toEqual([
      { ...a, connections: 7 },
      { ...b, connections: 1 },
    ]);
  });
});
