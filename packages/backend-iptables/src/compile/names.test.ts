import type { ServicePortName } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import { branchChain, endpointChain, isOwnChain, serviceChain, SHARED_FIREWALL } from './names.ts';

const cart: ServicePortName = { namespace: 'shop', name: 'cart', port: 'http', protocol: 'TCP' };

describe('chain names', () => {
  it('are those of kube-proxy', () => {
    expect(serviceChain('cluster', { ...cart, namespace: 'ns5', name: 'svc5', port: 'p80' })).toBe(
      'KUBE-SVC-NUKIZ6OKUXPJNT4C',
    );
    expect(serviceChain('external', cart)).toBe('KUBE-EXT-I5LIAMPLWKMBJ54B');
    expect(serviceChain('local', { ...cart, port: '' })).toBe('KUBE-SVL-N5W5PH5NLY2BP4HG');
    expect(endpointChain(cart, { address: '10.1.2.3', port: 8080, isLocal: false })).toBe(
      'KUBE-SEP-MEBOXHG24OCCYJIN',
    );
    expect(endpointChain(cart, { address: 'fd00::5', port: 8080, isLocal: true })).toBe(
      'KUBE-SEP-OI5TEGZ23EYEROPB',
    );
  });

  it("have at most 28 characters, the kernel's limit", () => {
    const names = [
      serviceChain('external', cart, 'x'),
      branchChain('address', 'KUBE-EXTERNAL-SERVICES', '0a60'),
      branchChain('port', 'KUBE-NODEPORTS-REJECT', '17531'),
    ];
    for (const name of names) expect(name.length, name).toBeLessThanOrEqual(28);
  });

  it('of branches are among those that kube-proxy deletes in its first sync', () => {
    const names = [
      branchChain('address', 'KUBE-SERVICES', '0a60'),
      branchChain('port', 'KUBE-NODEPORTS', '1'),
    ];
    for (const name of names) expect(name).toMatch(/^KUBE-SVC-(VIP|PORT)-[0-9A-F]{14}$/);
  });

  it('distinguish owned chains from chains of other programs', () => {
    expect(isOwnChain('nat', 'KUBE-SEP-MEBOXHG24OCCYJIN')).toBe(true);
    expect(isOwnChain('filter', 'KUBE-SEP-MEBOXHG24OCCYJIN')).toBe(false);
    expect(isOwnChain('filter', branchChain('address', 'KUBE-SERVICES', '0a60'))).toBe(true);
    expect(isOwnChain('nat', branchChain('port', 'KUBE-NODEPORTS', '1'))).toBe(true);
    for (const name of [
      SHARED_FIREWALL,
      'KUBE-KUBELET-CANARY',
      'KUBE-IPTABLES-HINT',
      'KUBE-MARK-DROP',
      'DOCKER',
      // A chain of kube-vip.
      'KUBE-VIP-EGRESS',
    ]) {
      expect(isOwnChain('nat', name), name).toBe(false);
      expect(isOwnChain('filter', name), name).toBe(false);
      expect(isOwnChain('mangle', name), name).toBe(false);
    }
  });
});
