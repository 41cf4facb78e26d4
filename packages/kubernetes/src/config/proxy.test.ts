import { describe, expect, it } from 'vitest';

import { proxyFor } from './proxy.ts';

const HTTPS_PROXY = 'http://proxy:3128';

function via(server: string, NO_PROXY = '', env: Record<string, string> = { HTTPS_PROXY }): string | null {
  return proxyFor(new URL(server), { from: 'environment', env: { ...env, NO_PROXY } });
}

describe('proxyFor', () => {
  it('takes the variable of the scheme, in capitals first, and completes it', () => {
    const env = { HTTPS_PROXY: 'a:1', https_proxy: 'b:1', http_proxy: 'c:1' };
    expect(via('https://x', '', env)).toBe('http://a:1');
    expect(via('http://x', '', env)).toBe('http://c:1');
    expect(via('http://x')).toBeNull();
    expect(via('https://x', '', {})).toBeNull();
  });

  it('uses no proxy for this machine, unless the kubeconfig sets one', () => {
    for (const server of [
      'https://localhost:1',
      'https://127.0.0.1',
      'https://127.9.9.9',
      'https://[::1]:6443',
    ]) {
      expect(via(server), server).toBeNull();
      expect(proxyFor(new URL(server), { from: 'url', url: 'http://p' })).toBe('http://p');
    }
  });

  it.each([
    ['10.96.0.1', '10.96.0.0/12', true],
    ['10.96.0.1', 'a, 10.96.0.1', true],
    ['10.96.0.1', '10.96.0.1:6443', true],
    ['10.96.0.1', '10.96.0.1:443', false],
    ['10.96.0.1', '10.112.0.0/12', false],
    ['10.96.0.1', '10.96.0.0/33', false],
    ['[fd00::1]', 'fd00::/16', true],
    ['[fd00::1]', 'fd00:0::1', true],
    ['[fd00::1]', '[fd00::1]:6443', true],
    ['[fd00::1]', '10.0.0.0/8', false],
    ['api.example.com', 'example.com', true],
    ['api.example.com', '.example.com', true],
    ['api.example.com', '*.EXAMPLE.com', true],
    ['example.com', '.example.com', false],
    ['notexample.com', 'example.com', false],
    ['api.example.com', '10.0.0.0/8,*', true],
    ['api.example.com', ' , ', false],
  ])('of %s with NO_PROXY=%s: direct is %s', (host, noProxy, direct) => {
    expect(via(`https://${host}:6443`, noProxy)).toBe(direct ? null : HTTPS_PROXY);
  });
});
