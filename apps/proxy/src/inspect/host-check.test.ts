import { describe, expect, it } from 'vitest';
import { isOwnHost } from './host-check.ts';

describe('the Host header', () => {
  it.each([
    ['localhost:10249', true],
    ['LOCALHOST', true],
    ['127.0.0.1:10249', true],
    ['[::1]:10249', true],
    ['[fd00::1]', true],
    ['192.0.2.10', true],
    ['node-a:10249', true],
    ['Node-A', true],
    ['node-a.example.org', false],
    ['attacker.example:10249', false],
    ['localhost.attacker.example', false],
    ['127.0.0.1.attacker.example', false],
    ['localhost:10249@attacker.example', false],
    ['::1', false],
    ['', false],
    [undefined, false],
  ])('%s: allowed is %s', (header, allowed) => {
    expect(isOwnHost(header, ['node-a'])).toBe(allowed);
  });
});
