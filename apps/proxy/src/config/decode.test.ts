import { describe, expect, it } from 'vitest';
import { KUBEADM_CONFIG } from '../testing/kubeadm.ts';
import { settingsOf, settingsOfFile } from '../testing/settings.ts';
import { toApiObject } from './encode.ts';

describe('files as they are found in clusters', () => {
  it('F1: unknown and repeated fields are reported, and the rest of the file counts', () => {
    const { config, warnings } = settingsOfFile(
      'mode: ipvs\nmode: iptables\nudpIdleTimeout: 1s\niptables: {nope: 1}\n',
    );
    expect(config.mode).toBe('iptables');
    expect(warnings).toHaveLength(3);
    expect(warnings.join('\n')).toContain('duplicate field "mode" (line 4)');
    expect(warnings.join('\n')).toContain('unknown field "udpIdleTimeout"');
    expect(warnings.join('\n')).toContain('unknown field "iptables.nope"');
  });

  it('F1: a repeated field is named with its path', () => {
    const { config, warnings } = settingsOfFile('iptables:\n  syncPeriod: 1s\n  syncPeriod: 9s\n');
    expect(warnings).toEqual([expect.stringContaining('duplicate field "iptables.syncPeriod" (line 5)')]);
    expect(config.iptables.syncPeriod).toBe(9000);
  });

  it('F1: every repeated field is named, wherever it stands, and every unknown one, in lists too', () => {
    const body = [
      'mode: iptables',
      'mode: iptables',
      'oomScoreAdj: 1',
      '"oomScoreAdj": 2',
      'logging: {vmodule: [{filePattern: a, verbosity: 2, level: 3}], format: text, format: text}',
      'iptables: {}',
      'iptables: {syncPeriod: 1s, syncPeriod: 2s}',
    ].join('\n');
    const { config, strictProblems } = settingsOfFile(body);
    expect(strictProblems).toEqual([
      '/config.conf: duplicate field "mode" (line 4)',
      '/config.conf: duplicate field "oomScoreAdj" (line 6)',
      '/config.conf: duplicate field "logging.format" (line 7)',
      '/config.conf: duplicate field "iptables.syncPeriod" (line 9)',
      '/config.conf: duplicate field "iptables" (line 9)',
      '/config.conf: unknown field "logging.vmodule[0].level" (line 7)',
    ]);
    expect(config).toMatchObject({ oomScoreAdj: 2, iptables: { syncPeriod: 2000 } });
  });

  it('F1: YAML is version 1.1, as kube-proxy reads it', () => {
    const { config, warnings } = settingsOfFile(
      'enableProfiling: yes\noomScoreAdj: 010\nnftables: &periods {syncPeriod: 7s}\niptables:\n  <<: *periods\n  masqueradeAll: on\nhostnameOverride: 2026-01-02\n',
    );
    expect(config).toMatchObject({
      enableProfiling: true,
      oomScoreAdj: 8,
      iptables: { syncPeriod: 7000, masqueradeAll: true },
      hostnameOverride: '2026-01-02',
    });
    expect(warnings).toEqual([]);
  });

  it.each([
    ['CRLF', 'mode: ipvs\r\nclusterCIDR: ""\r\n', 0],
    ['an empty document behind', 'mode: ipvs\n---\n', 0],
    ['another document behind, which is ignored', 'mode: ipvs\n---\nmode: nope\n', 1],
  ])('F1: %s', (_, body, warned) => {
    const { config, warnings } = settingsOfFile(body);
    expect(config.mode).toBe('ipvs');
    expect(warnings).toHaveLength(warned);
  });

  it('F106: what the API type leaves out when empty is left out', () => {
    const { config } = settingsOfFile('');
    expect(toApiObject(config)).not.toHaveProperty('windowsRunAsService');
    expect(toApiObject({ ...config, windowsRunAsService: true })).toHaveProperty('windowsRunAsService', true);
    expect(Object.keys(toApiObject(config)).slice(0, 4)).toEqual([
      'kind',
      'apiVersion',
      'clientConnection',
      'logging',
    ]);
  });

  it('F69: gates that are not known are one warning, and no error', () => {
    const file = settingsOfFile(
      'mode: iptables\nfeatureGates: {NoSuch: true, WatchListCompression: false, Next: false}\n',
    );
    expect(file.warnings).toEqual(['unrecognized feature gates, ignored: NoSuch, Next']);
    expect(settingsOf(['--feature-gates=KubeProxyIPVS=false,NFTablesNetlink=true']).warnings).toEqual([]);
    expect(settingsOf(['--feature-gates=NoSuch=true']).warnings).toEqual([
      'unrecognized feature gates, ignored: NoSuch',
    ]);
  });

  it('F6 F69: gates about other components are taken, from a file and by flag', () => {
    const file = settingsOfFile('featureGates: {KubeletInUserNamespace: true, MemoryQoS: false}\n');
    expect(file.config.featureGates).toEqual({ KubeletInUserNamespace: true, MemoryQoS: false });
    expect(settingsOf(['--feature-gates=HPAScaleToZero=true']).config.featureGates).toEqual({
      HPAScaleToZero: true,
    });
  });

  it('F1: JSON is read too, with tabs', () => {
    const json =
      '{\n\t"apiVersion": "kubeproxy.config.k8s.io/v1alpha1",\n\t"kind": "KubeProxyConfiguration",\n\t"mode": "ipvs"\n}';
    expect(settingsOf(['--config=/c'], { readFile: () => json }).config.mode).toBe('ipvs');
  });

  it('F85 F24: zero periods in a file mean the defaults; by flag the minimum period may be zero', () => {
    const zeros = 'iptables: {syncPeriod: 0s, minSyncPeriod: 0s}\nconfigSyncPeriod: 0s\n';
    expect(settingsOfFile(zeros).config).toMatchObject({
      iptables: { syncPeriod: 30_000, minSyncPeriod: 1000 },
      configSyncPeriod: 900_000,
    });
    expect(settingsOf(['--iptables-min-sync-period=0s']).config.iptables.minSyncPeriod).toBe(0);
  });

  it('F71: flushFrequency may be nanoseconds', () => {
    expect(settingsOfFile('logging: {flushFrequency: 5000000000}\n').config.logging.flushFrequency).toBe(
      5000,
    );
  });

  it("F84: kubeadm's ConfigMap loads unchanged, without a warning", () => {
    const { config, warnings } = settingsOf(
      ['--config=/var/lib/kube-proxy/config.conf', '--hostname-override=node-a'],
      { readFile: () => KUBEADM_CONFIG },
    );
    expect(warnings).toEqual([]);
    expect(config).toMatchObject({
      clientConnection: { kubeconfig: '/var/lib/kube-proxy/kubeconfig.conf', qps: 5, burst: 10 },
      clusterCIDR: '10.244.0.0/16',
      mode: 'iptables',
      conntrack: { maxPerCore: 32768, min: 131072 },
      iptables: { masqueradeBit: 14, syncPeriod: 30_000, minSyncPeriod: 1000 },
      healthzBindAddress: '0.0.0.0:10256',
      configSyncPeriod: 900_000,
    });
  });
});
