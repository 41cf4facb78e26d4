import { afterEach, describe, expect, it, vi } from 'vitest';
import { linkName, openPod } from './pod.ts';

afterEach(() => vi.unstubAllEnvs());

describe('a temporary pod', () => {
  it('is not made where the commands are missing, and the reason names the command', async () => {
    vi.stubEnv('PATH', '/nonexistent');
    const opened = openPod({ addresses: ['10.244.1.254'], detector: { kind: 'none' } });
    expect(await opened).toBe('command not found: unshare');
  });

  it('has an interface by whose name the node recognises its pods, of at most 15 characters', () => {
    expect(linkName({ kind: 'interface-prefix', prefix: 'cali' }, 4_194_304)).toMatch(/^calisb\w+$/);
    for (const prefix of ['', 'veth', 'a-long-prefix-']) {
      const name = linkName({ kind: 'interface-prefix', prefix }, 4_194_304);
      expect(name.length).toBeLessThanOrEqual(15);
      expect(name.startsWith(prefix)).toBe(true);
    }
    expect(linkName({ kind: 'cidrs', cidrs: ['10.244.0.0/16'] }, 7)).toBe('sb7');
  });
});
