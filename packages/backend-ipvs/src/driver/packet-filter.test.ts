import { createFakeIptables } from '@signalbox/iptables/testing';
import { describe, expect, it } from 'vitest';
import { compilePacketFilter, obsoleteRules } from '../compile/packet-filter.ts';
import { installPacketFilter, packetFilterDrift, removeRules } from './packet-filter.ts';

const PACKET_FILTER = compilePacketFilter({
  family: 'IPv4',
  detector: { kind: 'cidrs', cidrs: ['10.244.0.0/16'] },
  clusterMasquerade: 'not-local-pods',
  masqueradeBit: 14,
  randomFully: true,
});
const REMAINS = obsoleteRules('IPv4');

describe('installPacketFilter', () => {
  it('writes the chain that another process altered, and no other', async () => {
    const fake = createFakeIptables({ family: 'IPv4' });
    expect(await installPacketFilter(fake.driver, PACKET_FILTER)).toBeNull();
    const before = fake.dumpAll();
    fake.byOthers('*nat\n-F KUBE-SERVICES\nCOMMIT\n');
    expect(await installPacketFilter(fake.driver, PACKET_FILTER)).toBeNull();
    expect(fake.dumpAll()).toBe(before);
    expect(fake.inputs.at(-1)?.match(/^:\S+/gm)).toEqual([':KUBE-SERVICES']);
  });

  it('removes chains of kube-proxy that it does not use, but for one to which another rule jumps', async () => {
    const fake = createFakeIptables({ family: 'IPv4' });
    fake.byOthers(
      '*filter\n:KUBE-PROXY-FIREWALL - [0:0]\n:KUBE-IPVS-OUT-FILTER - [0:0]\n' +
        '-A KUBE-PROXY-FIREWALL -j DROP\n-A FORWARD -j KUBE-PROXY-FIREWALL\nCOMMIT\n',
    );
    expect(await installPacketFilter(fake.driver, PACKET_FILTER)).toBeNull();
    expect(fake.dump('filter')).toContain('-A KUBE-PROXY-FIREWALL -j DROP');
    expect(fake.dump('filter')).not.toContain('KUBE-IPVS-OUT-FILTER');
    expect(await packetFilterDrift(fake.driver, PACKET_FILTER)).toEqual({ ok: true, value: [] });
  });
});

describe('removeRules', () => {
  it('empties a chain to which a rule of another program jumps, and removes the others', async () => {
    const fake = createFakeIptables({ family: 'IPv4' });
    await installPacketFilter(fake.driver, PACKET_FILTER);
    fake.byOthers('*nat\n:OTHERS - [0:0]\n-A OTHERS -j KUBE-LOAD-BALANCER\nCOMMIT\n');
    expect((await removeRules(fake.driver, REMAINS)).ok).toBe(true);
    expect(fake.dumpAll().match(/KUBE-\S+.*/g)).toEqual(['KUBE-LOAD-BALANCER - [0:0]', 'KUBE-LOAD-BALANCER']);
    expect(await removeRules(fake.driver, REMAINS)).toEqual({ ok: true, value: [] });
  });
});
