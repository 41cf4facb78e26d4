import { describe, expect, it } from 'vitest';
import { settingsOf, settingsOfFile } from '../testing/settings.ts';

describe('a problem of a configuration file', () => {
  it.each([
    ['line 3: KubeProxyConfiguration.mode: Invalid value: "ebpf"', 'mode: ebpf\n'],
    [
      'line 5: KubeProxyConfiguration.iptables.masqueradeBit: Invalid value: 32',
      'iptables:\n  # The last one\n  masqueradeBit: 32\n',
    ],
    [
      'line 4: KubeProxyConfiguration.oomScoreAdj: Invalid value: 5000',
      'oomScoreAdj: 1\noomScoreAdj: 5000\n',
    ],
    ['line 4: KubeProxyConfiguration.conntrack.min: Invalid value: "x"', 'conntrack:\n  min: x\n'],
    ['line 4: KubeProxyConfiguration.iptables: Invalid value: 5', '# A section\niptables: 5\n'],
    ['line 3: KubeProxyConfiguration.configSyncPeriod: Invalid value: "-1s"', '"configSyncPeriod": -1s\n'],
    [
      'KubeProxyConfiguration.detectLocal.bridgeInterface: must not be empty with detectLocalMode set to BridgeInterface',
      'detectLocalMode: BridgeInterface\n',
    ],
  ])('F1: names file, line and field: %s', (expected, body) => {
    expect(() => settingsOfFile(body)).toThrow(`/config.conf: ${expected}`);
  });

  it('F1: names the flag where a flag wins over the file', () => {
    expect(() => settingsOfFile('logging: {format: json}\n', ['--logging_format=xml'])).toThrow(
      'invalid argument "xml" for "--logging_format" flag: unsupported log format, must be text or json',
    );
  });

  it('F1: is the absence of kind and apiVersion', () => {
    expect(() => settingsOf(['--config=/c'], { readFile: () => 'mode: iptables\n' })).toThrow(
      '/c: kind: required: KubeProxyConfiguration\n/c: apiVersion: required: kubeproxy.config.k8s.io/v1alpha1',
    );
  });
});

describe('a problem of flags', () => {
  it.each([
    [
      'F23: ',
      ['--iptables-sync-period=1s', '--iptables-min-sync-period=90s'],
      'invalid argument "1s" for "--iptables-sync-period" flag: must be greater than or equal to --iptables-min-sync-period',
    ],
    [
      'F23 F65: ',
      ['--proxy-mode=nftables', '--iptables-sync-period=100ms'],
      'invalid argument "100ms" for "--iptables-sync-period" flag: must be greater than or equal to nftables.minSyncPeriod',
    ],
    [
      'F34: ',
      ['--detect-local-mode=BridgeInterface'],
      '--pod-bridge-interface: must not be empty with --detect-local-mode set to BridgeInterface',
    ],
    [
      'F46: ',
      ['--config-sync-period=0'],
      'invalid argument "0s" for "--config-sync-period" flag: must be greater',
    ],
    [
      'F47: ',
      ['--healthz-port=70000', '--healthz-bind-address=::'],
      'invalid argument "70000" for "--healthz-port" flag: must be within the range [0, 65535]',
    ],
  ])('%sis named by the flag: %j', (_, argv, expected) => {
    expect(() => settingsOf(argv)).toThrow(expected);
  });
});
