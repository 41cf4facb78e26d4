import { describe, expect, it } from 'vitest';
import {
  objectKey,
  parseServicePortKey,
  serviceOf,
  servicePortKey,
  servicePortLabel,
} from './service-port-name.ts';

const NAMED = { namespace: 'shop', name: 'web', port: 'http', protocol: 'TCP' } as const;

describe('names of a service port', () => {
  it.each([
    [NAMED, 'shop/web:http/TCP', 'shop/web:http'],
    [{ ...NAMED, port: '', protocol: 'UDP' } as const, 'shop/web:/UDP', 'shop/web'],
  ])('%j: the key has all parts, the label as kube-proxy writes it', (name, key, label) => {
    expect([servicePortKey(name), servicePortLabel(name)]).toEqual([key, label]);
    expect(parseServicePortKey(key)).toEqual(name);
  });

  it.each(['', 'shop/web', 'shop/web:http', 'shop/web:http/ICMP', 'endpoint 10.0.0.1'])(
    '%j is not a key',
    (text) => expect(parseServicePortKey(text)).toBeNull(),
  );

  it('have the key of their Service in front', () => {
    expect(servicePortKey(NAMED).startsWith(`${objectKey('shop', 'web')}:`)).toBe(true);
    expect(serviceOf(servicePortKey(NAMED))).toBe(objectKey('shop', 'web'));
  });
});
