import { describe, expect, it } from 'vitest';
import { mapping } from '../testing/mapping.ts';
import { mapAddress, parseAddressMapping } from './address-map.ts';

describe('an address mapping', () => {
  it('keeps the host bits, in both families', () => {
    const mappings = [mapping('10.96.0.0/12=127.96.0.0/12'), mapping('fd00:10:96::/112=fd00:ffff::/112')];
    expect(mapAddress(mappings, '10.96.0.10')).toBe('127.96.0.10');
    expect(mapAddress(mappings, '10.111.255.1')).toBe('127.111.255.1');
    expect(mapAddress(mappings, 'fd00:10:96::a')).toBe('fd00:ffff::a');
  });

  it('does not map addresses outside of its range', () => {
    expect(mapAddress([mapping('10.96.0.0/16=127.96.0.0/16')], '10.97.0.1')).toBeNull();
    expect(mapAddress([mapping('10.96.0.0/16=127.96.0.0/16')], 'fd00::1')).toBeNull();
  });

  it.each([
    ['10.96.0.0/16', 'is not CIDR=CIDR'],
    ['10.96.0.0=127.96.0.0', 'is not CIDR=CIDR'],
    ['10.96.0.0/16=127.96.0.0/16=127.0.0.0/16', 'is not CIDR=CIDR'],
    ['10.96.0.0/16=127.96.0.0/12', 'same family and prefix length'],
    ['10.96.0.0/16=fd00::/16', 'same family and prefix length'],
  ])('is rejected if its text is %s: %s', (text, problem) => {
    expect(parseAddressMapping(text)).toContain(problem);
  });
});
