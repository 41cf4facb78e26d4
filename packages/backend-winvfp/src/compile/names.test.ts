import { describe, expect, it } from 'vitest';
import { endpointId, frontendName, isOurId, loadBalancerId, remoteMac } from './names.ts';

describe('names', () => {
  it('a frontend is written as address, port and protocol', () => {
    expect(frontendName('10.96.0.10', 80, 'TCP')).toBe('10.96.0.10:80/tcp');
    expect(frontendName('fd00:10:96::a', 53, 'UDP')).toBe('[fd00:10:96::a]:53/udp');
    expect(frontendName('', 30_080, 'SCTP')).toBe('*:30080/sctp');
  });

  it('ids are GUIDs with the mark of Signalbox in either case, and differ by family, frontend, role and network', () => {
    const ids = [
      loadBalancerId('IPv4', '*:30080/tcp'),
      loadBalancerId('IPv6', '*:30080/tcp'),
      loadBalancerId('IPv4', '*:30081/tcp'),
      endpointId('pod', 'N', '10.244.2.2'),
      endpointId('service-vip', 'N', '10.244.2.2'),
      endpointId('pod', 'M', '10.244.2.2'),
    ];
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) {
      expect(id).toMatch(/^53674278-[0-9A-F]{4}-8[0-9A-F]{3}-B[0-9A-F]{3}-[0-9A-F]{12}$/);
      expect(isOurId(id.toLowerCase())).toBe(true);
    }
    expect(isOurId('3850E0D6-3BB1-4FF8-AE63-C6B0C64692B0')).toBe(false);
    expect(isOurId('53674278-3BB1-4FF8-AE63-C6B0C64692B0')).toBe(false);
  });

  it('one address of one network has one id however both are spelt', () => {
    expect(endpointId('pod', 'n', 'fd00::0a')).toBe(endpointId('pod', 'N', 'fd00:0:0:0:0:0:0:a'));
  });

  it('the MAC address of a remote endpoint comes from its address', () => {
    expect(remoteMac('10.244.2.7')).toBe('02-11-0a-f4-02-07');
    expect(remoteMac('fd00:10:244:2::1:203')).toBe('02-11-03-02-01-00');
  });
});
