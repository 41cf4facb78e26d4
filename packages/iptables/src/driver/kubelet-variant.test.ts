import { describe, expect, it } from 'vitest';
import { createFakeIptables } from '../testing/fake-iptables.ts';
import { kubeletMovedTo } from './kubelet-variant.ts';

const HINT = '*mangle\n:KUBE-IPTABLES-HINT - [0:0]\nCOMMIT\n';
const CANARY = '*mangle\n:KUBE-KUBELET-CANARY - [0:0]\nCOMMIT\n';
const listed = () => Promise.resolve('nat\nmangle\n');

describe('kubeletMovedTo', () => {
  it.each([
    ['nft', 'nft', HINT, null],
    ['nft', 'legacy', HINT, 'legacy'],
    ['nft', 'legacy', CANARY, 'legacy'],
    ['legacy', 'legacy', CANARY, null],
    ['legacy', 'nft', HINT, 'nft'],
    ['legacy', 'both', HINT, null],
    ['nft', 'none', HINT, null],
  ] as const)('writing with %s, chains of kubelet in %s', async (variant, where, chains, moved) => {
    const other = createFakeIptables({ family: 'IPv4', variant: variant === 'nft' ? 'legacy' : 'nft' });
    const own = createFakeIptables({ family: 'IPv4', variant, other });
    if (where === variant || where === 'both') own.byOthers(chains);
    if (where !== variant && where !== 'none') other.byOthers(chains);
    expect(await kubeletMovedTo(own.driver, listed)).toEqual({ ok: true, value: moved });
  });

  it('does not query tables of the legacy variant that the kernel does not have', async () => {
    const other = createFakeIptables({ family: 'IPv4', variant: 'legacy' });
    other.byOthers(HINT);
    const own = createFakeIptables({ family: 'IPv4', other });
    expect(await kubeletMovedTo(own.driver, () => Promise.resolve('filter\n'))).toEqual({
      ok: true,
      value: null,
    });
  });
});
