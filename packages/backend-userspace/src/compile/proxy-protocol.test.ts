import { describe, expect, it } from 'vitest';
import { proxyHeader } from './proxy-protocol.ts';

const peer = (address: string, port: number) => ({ address, port });

describe('the header of PROXY protocol v1', () => {
  it.each([
    // The example of section 2.1 of the specification.
    [peer('192.168.0.1', 56_324), peer('192.168.0.11', 443), 'TCP4 192.168.0.1 192.168.0.11 56324 443'],
    // The longest line of TCP over IPv4.
    [
      peer('255.255.255.255', 65_535),
      peer('255.255.255.255', 65_535),
      'TCP4 255.255.255.255 255.255.255.255 65535 65535',
    ],
    [peer('fd00::9', 40_000), peer('fd00:10:96::a', 80), 'TCP6 fd00::9 fd00:10:96::a 40000 80'],
  ])('of %j to %j is the line PROXY %s', (client, frontend, line) => {
    expect(proxyHeader('v1', client, frontend).toString('latin1')).toBe(`PROXY ${line}\r\n`);
  });

  it('is at most 107 bytes long', () => {
    const longest = peer('ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 65_535);
    expect(proxyHeader('v1', longest, longest).length).toBe('PROXY TCP6 '.length + 39 + 1 + 39 + 12 + 2);
    expect(proxyHeader('v1', longest, longest).length).toBeLessThanOrEqual(107);
  });
});

/** Section 2.2: signature `\r\n\r\n\0\r\nQUIT\n`, version 2 and command PROXY, family and STREAM, length of the rest. */
const START = ['0d0a0d0a', '000d0a51', '5549540a', '21'].join('');

describe('the header of PROXY protocol v2', () => {
  it('has 12 bytes of addresses and ports for TCP over IPv4', () => {
    const header = proxyHeader('v2', peer('192.168.0.1', 56_324), peer('192.168.0.11', 443));
    expect(header.toString('hex')).toBe(`${START}11000cc0a80001c0a8000bdc0401bb`);
  });

  it('has 36 bytes of addresses and ports for TCP over IPv6', () => {
    const header = proxyHeader('v2', peer('2001:db8::1', 40_000), peer('fd00:10:96::a', 80));
    const client = '20010db8000000000000000000000001';
    const frontend = 'fd00001000960000000000000000000a';
    expect(header.toString('hex')).toBe(`${START}210024${client}${frontend}9c400050`);
  });
});
