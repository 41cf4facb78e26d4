import { createModel } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import { settingsOf, settingsOfFile } from '../testing/settings.ts';
import { modelConfig } from './model-config.ts';

const config = (...argv: string[]) => modelConfig(settingsOf(argv));

describe('what the settings decide about services', () => {
  it.each([
    [[], { mode: 'ClusterCIDR', cidrs: [] }],
    [['--cluster-cidr=10.0.0.0/8,fd00::/8'], { mode: 'ClusterCIDR', cidrs: ['10.0.0.0/8', 'fd00::/8'] }],
    [['--detect-local-mode=NodeCIDR'], { mode: 'NodeCIDR' }],
    [
      ['--detect-local-mode=BridgeInterface', '--pod-bridge-interface=cni0'],
      { mode: 'BridgeInterface', name: 'cni0' },
    ],
    [
      ['--detect-local-mode=InterfaceNamePrefix', '--pod-interface-name-prefix=veth'],
      { mode: 'InterfaceNamePrefix', prefix: 'veth' },
    ],
  ])('F33 F34 F35 F36: %j', (argv, expected) => {
    expect(config(...argv).localDetection).toEqual(expected);
  });

  it("F13 F118: a bind address that is not unspecified replaces the node's primary IP", () => {
    expect(config().nodeIPOverride).toBeNull();
    expect(config('--bind-address=::').nodeIPOverride).toBeNull();
    expect(config('--bind-address=10.0.0.5').nodeIPOverride).toBe('10.0.0.5');
  });

  it('addresses on the service devices of every mode do not count as addresses of the node', () => {
    const model = createModel(config('--hostname-override=node-a'));
    model.setInterfaceAddresses([
      { interface: 'eth0', family: 'IPv4', address: '192.0.2.10' },
      { interface: 'kube-ipvs0', family: 'IPv4', address: '10.96.0.10' },
      { interface: 'kube-userspace0', family: 'IPv4', address: '10.96.0.11' },
    ]);
    expect(model.build('IPv4').state.node.nodePortIPs).toEqual(['192.0.2.10']);
  });

  it('F37: node port addresses', () => {
    expect(config().nodePortAddresses).toEqual([]);
    expect(config('--nodeport-addresses=primary').nodePortAddresses).toEqual(['primary']);
    expect(config('--nodeport-addresses=10.0.0.0/8').nodePortAddresses).toEqual(['10.0.0.0/8']);
  });

  it('F21 F76: masquerade-all is read from the iptables section for iptables and ipvs', () => {
    expect(config('--masquerade-all').masqueradeAll).toBe(true);
    expect(modelConfig(settingsOfFile('mode: ipvs\niptables: {masqueradeAll: true}\n')).masqueradeAll).toBe(
      true,
    );
  });

  it('F22 S40: node ports at loopback are for iptables mode', () => {
    expect(config().localhostNodePorts).toBe(true);
    expect(config('--proxy-mode=ipvs').localhostNodePorts).toBe(false);
  });

  it('F77: without AllowServiceExternalIPs external IPs are ignored', () => {
    expect(config().externalIPs).toBe(true);
    expect(config('--feature-gates=AllowServiceExternalIPs=false').externalIPs).toBe(false);
  });
});
