import { backendError, fail } from '@signalbox/core';
import { createFakeIptables } from '@signalbox/iptables/testing';
import { describe, expect, it } from 'vitest';
import { compilePacketFilter, obsoleteRules } from '../compile/packet-filter.ts';
import { installPacketFilter, packetFilterDrift, removeObsoleteRules } from './packet-filter.ts';

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

const SERVED_BY_RULES =
  '*nat\n:KUBE-SERVICES - [0:0]\n:KUBE-SVC-A - [0:0]\n-A KUBE-SERVICES -d 10.96.0.10/32 -j KUBE-SVC-A\n' +
  '-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES\nCOMMIT\n' +
  '*filter\n:KUBE-PROXY-FIREWALL - [0:0]\n-A KUBE-PROXY-FIREWALL -d 203.0.113.9/32 -j DROP\n' +
  '-A INPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes load balancer firewall" -j KUBE-PROXY-FIREWALL\nCOMMIT\n';

describe('after iptables mode', () => {
  it('writes only what drops packets until virtual servers exist, then the rest, with nat last', async () => {
    const fake = createFakeIptables({ family: 'IPv4' });
    fake.byOthers(SERVED_BY_RULES);
    const nat = fake.dump('nat');
    expect(await installPacketFilter(fake.driver, PACKET_FILTER, 'guards')).toBeNull();
    expect(fake.dump('nat')).toBe(nat);
    expect(fake.dump('filter')).toContain('-A KUBE-PROXY-FIREWALL -d 203.0.113.9/32 -j DROP');
    expect(fake.dump('mangle')).toContain(
      '--match-set KUBE-LOAD-BALANCER-FW dst,dst -j KUBE-SOURCE-RANGES-FIREWALL',
    );
    expect(await installPacketFilter(fake.driver, PACKET_FILTER, 'all')).toBeNull();
    expect(fake.inputs.at(-1)?.match(/^\*\S+/gm)).toEqual(['*filter', '*nat']);
    // Its firewall would drop packets to load-balancer IPs, whose addresses IPVS translates behind it.
    expect(fake.dump('filter')).not.toContain('-A KUBE-PROXY-FIREWALL');
    expect(await packetFilterDrift(fake.driver, PACKET_FILTER)).toEqual({ ok: true, value: [] });
  });

  it('writes everything at once where nothing serves', async () => {
    const fake = createFakeIptables({ family: 'IPv4' });
    expect(await installPacketFilter(fake.driver, PACKET_FILTER, 'guards')).toBeNull();
    expect(await packetFilterDrift(fake.driver, PACKET_FILTER)).toEqual({ ok: true, value: [] });
  });
});

describe('removeObsoleteRules', () => {
  it('leaves what another mode uses, and removes the rest', async () => {
    const fake = createFakeIptables({ family: 'IPv4' });
    await installPacketFilter(fake.driver, PACKET_FILTER);
    const kept = {
      isOwnChain: (table: string, name: string) => table === 'nat' && name === 'KUBE-POSTROUTING',
      isOwnJump: (table: string, chain: string) => table === 'nat' && chain === 'POSTROUTING',
    };
    expect((await removeObsoleteRules(fake.driver, REMAINS, kept)).ok).toBe(true);
    expect(fake.dumpAll().match(/^(:KUBE-\S+|-A (PRE|OUT|POST|IN|FOR)\S+ .*)/gm)).toEqual([
      ':KUBE-POSTROUTING',
      '-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING',
    ]);
  });

  it('empties a chain to which a rule of another program jumps, and removes the others', async () => {
    const fake = createFakeIptables({ family: 'IPv4' });
    await installPacketFilter(fake.driver, PACKET_FILTER);
    fake.byOthers('*nat\n:OTHERS - [0:0]\n-A OTHERS -j KUBE-LOAD-BALANCER\nCOMMIT\n');
    expect((await removeObsoleteRules(fake.driver, REMAINS)).ok).toBe(true);
    expect(fake.dumpAll().match(/KUBE-\S+.*/g)).toEqual(['KUBE-LOAD-BALANCER - [0:0]', 'KUBE-LOAD-BALANCER']);
    expect(await removeObsoleteRules(fake.driver, REMAINS)).toEqual({ ok: true, value: [] });
  });

  it('removes the rules in both variants, of which the kernel may support only one', async () => {
    const legacy = createFakeIptables({ family: 'IPv4', variant: 'legacy' });
    const fake = createFakeIptables({ family: 'IPv4', other: legacy });
    for (const each of [fake, legacy]) await installPacketFilter(each.driver, PACKET_FILTER);
    const refused = fail(backendError('unsupported', 'save', 'no table', { kernel: 'unchanged' }));
    const unusable = { ...legacy.driver, save: async () => refused };
    const driver = { ...fake.driver, otherVariant: async () => unusable };
    expect((await removeObsoleteRules(driver, REMAINS)).ok).toBe(true);
    expect([fake, legacy].map((each) => each.dumpAll().includes('KUBE-'))).toEqual([false, true]);
    expect((await removeObsoleteRules(fake.driver, REMAINS)).ok).toBe(true);
    expect(legacy.dumpAll()).not.toContain('KUBE-');
  });
});
