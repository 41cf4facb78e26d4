import { describe, expect, it } from 'vitest';
import type { SetDeclaration } from '../objects/ruleset.ts';
import { formatTable } from './table-text.ts';

function listed(
  declaration: SetDeclaration,
  ...elements: readonly (readonly [string, string])[]
): readonly string[] {
  const text = formatTable({ sets: [{ declaration, elements: new Map(elements) }], chains: [] }, 'IPv4');
  return text
    .split('\n')
    .slice(3, -2)
    .map((line) => line.trim());
}

describe('the table in the syntax of nft', () => {
  it('lists what a set that packets fill is declared with, and its time-out in units', () => {
    const set: SetDeclaration = {
      name: 'affinity-a',
      key: ['ipv4_addr'],
      flags: ['dynamic', 'timeout'],
      timeout: 10_800_000 + 90_000,
    };
    expect(listed(set)).toEqual([
      'set affinity-a {',
      'type ipv4_addr',
      'size 65535',
      'flags dynamic,timeout',
      'timeout 3h1m30s',
      '}',
    ]);
  });

  it('lists equal endpoints equally, whatever slots they have', () => {
    const set: SetDeclaration = {
      name: 'cluster-endpoints',
      key: ['ipv4_addr', 'inet_proto', 'inet_service', 'integer'],
      data: ['ipv4_addr', 'inet_service'],
    };
    const one = listed(
      set,
      ['10.96.0.1 . tcp . 80 . 0', '10.0.0.9 . 80'],
      ['10.96.0.1 . tcp . 80 . 3', '10.0.0.10 . 80'],
    );
    const other = listed(
      set,
      ['10.96.0.1 . tcp . 80 . 0', '10.0.0.10 . 80'],
      ['10.96.0.1 . tcp . 80 . 1', '10.0.0.9 . 80'],
    );
    expect(one).toEqual(other);
    expect(one).toContain('10.96.0.1 . tcp . 80 . 0 : 10.0.0.9 . 80,');
  });

  it('lists the priority of a base chain by the name that nft has for it', () => {
    const base = { type: 'nat', hook: 'prerouting', priority: -100 } as const;
    const text = formatTable({ sets: [], chains: [{ name: 'a', base, rules: [] }] }, 'IPv4');
    expect(text).toContain('type nat hook prerouting priority dstnat; policy accept;');
    const before = { name: 'a', base: { ...base, priority: -110 }, rules: [] };
    expect(formatTable({ sets: [], chains: [before] }, 'IPv6')).toContain('priority dstnat - 10;');
  });
});
