import { describe, expect, it } from 'vitest';
import { settingsOf, settingsOfFile } from '../testing/settings.ts';
import { modelConfig } from '../sync/model-config.ts';
import { effective } from './effective.ts';
import { toApiObject } from './encode.ts';

describe('defaults without any configuration', () => {
  const object = toApiObject(settingsOf([]).config);

  it.each([
    [
      'F70: ',
      'clientConnection',
      {
        kubeconfig: '',
        acceptContentTypes: '',
        contentType: 'application/vnd.kubernetes.protobuf',
        qps: 5,
        burst: 10,
      },
    ],
    [
      'F71: ',
      'logging',
      {
        format: 'text',
        flushFrequency: '5s',
        verbosity: 0,
        options: { text: { infoBufferSize: '0' }, json: { infoBufferSize: '0' } },
      },
    ],
    ['F72: ', 'bindAddress', '0.0.0.0'],
    ['F73: ', 'healthzBindAddress', '0.0.0.0:10256'],
    ['F73: ', 'metricsBindAddress', '127.0.0.1:10249'],
    ['F74: ', 'bindAddressHardFail', false],
    ['F67 F75: ', 'mode', 'iptables'],
    [
      'F76: ',
      'iptables',
      {
        masqueradeBit: 14,
        masqueradeAll: false,
        localhostNodePorts: true,
        syncPeriod: '30s',
        minSyncPeriod: '1s',
      },
    ],
    [
      'F78 F85: ',
      'ipvs',
      {
        syncPeriod: '0s',
        minSyncPeriod: '0s',
        scheduler: '',
        excludeCIDRs: null,
        strictARP: false,
        tcpTimeout: '0s',
        tcpFinTimeout: '0s',
        udpTimeout: '0s',
      },
    ],
    [
      'F79 F85: ',
      'nftables',
      { masqueradeBit: 14, masqueradeAll: false, syncPeriod: '0s', minSyncPeriod: '0s' },
    ],
    [
      'F80: ',
      'winkernel',
      {
        networkName: '',
        sourceVip: '',
        enableDSR: false,
        rootHnsEndpointName: '',
        forwardHealthCheckVip: false,
      },
    ],
    ['F67 F81: ', 'detectLocalMode', 'ClusterCIDR'],
    ['F82: ', 'nodePortAddresses', null],
    ['F83: ', 'oomScoreAdj', -999],
    [
      'F83: ',
      'conntrack',
      {
        maxPerCore: 32768,
        min: 131072,
        tcpEstablishedTimeout: '24h0m0s',
        tcpCloseWaitTimeout: '1h0m0s',
        tcpBeLiberal: false,
        udpTimeout: '0s',
        udpStreamTimeout: '0s',
      },
    ],
    ['F84: ', 'configSyncPeriod', '15m0s'],
  ])('%s%s', (_, field, value) => {
    expect(object[field]).toEqual(value);
  });

  it("F106: /configz has kind and apiVersion first, then the fields in the API's order", () => {
    expect(Object.keys(object).slice(0, 4)).toEqual(['kind', 'apiVersion', 'clientConnection', 'logging']);
  });
});

describe('nftables mode', () => {
  it('F79 F82: has its own section, and node ports answer at the primary address of the node', () => {
    const { config } = settingsOf([
      '--proxy-mode=nftables',
      '--masquerade-all',
      '--iptables-masquerade-bit=7',
      '--iptables-sync-period=9s',
    ]);
    expect(config.nodePortAddresses).toEqual(['primary']);
    // There is no flag of its masquerade bit.
    expect(config.nftables).toEqual({
      masqueradeBit: 14,
      masqueradeAll: true,
      syncPeriod: 9000,
      minSyncPeriod: 1000,
    });
    expect(
      settingsOf(['--proxy-mode=nftables', '--nodeport-addresses=all']).config.nodePortAddresses,
    ).toEqual(['all']);
  });

  it('F79: masqueradeBit and masqueradeAll of a file are those of its section', () => {
    const settings = settingsOfFile(
      'mode: nftables\nnftables: {masqueradeBit: 5, masqueradeAll: true}\niptables: {masqueradeBit: 6}\n',
    );
    expect(effective(settings)).toMatchObject({ masqueradeBit: 5, masqueradeAll: true });
  });
});

describe('precedence of flags and file', () => {
  it('F6 F7 F19 F20: with --config, flags that the file can say are ignored, and the log names them', () => {
    const { config, warnings } = settingsOfFile('mode: ipvs\n', [
      '--proxy-mode=iptables',
      '--kubeconfig=/k',
      '--iptables-masquerade-bit=3',
    ]);
    expect(config.mode).toBe('ipvs');
    expect(config.clientConnection.kubeconfig).toBe('');
    expect(config.iptables.masqueradeBit).toBe(14);
    expect(warnings).toEqual([
      'ignored because of --config: --kubeconfig, --proxy-mode, --iptables-masquerade-bit',
    ]);
  });

  it('F12 F123: --hostname-override wins over the file; names are trimmed and in lower case', () => {
    expect(
      settingsOfFile('hostnameOverride: from-file\n', ['--hostname-override= From-Flag ']).nodeName,
    ).toBe('from-flag');
    expect(settingsOfFile('hostnameOverride: From-File\n').nodeName).toBe('from-file');
    expect(settingsOfFile('hostnameOverride: From-File\n', ['--hostname-override=']).nodeName).toBe(
      'from-file',
    );
    expect(settingsOf(['--hostname-override= Node1 ']).config.hostnameOverride).toBe('node1');
    expect(settingsOf([]).nodeName).toBe('node-a');
  });

  it('F8: --master counts beside --config', () => {
    expect(settingsOfFile('', ['--master=http://127.0.0.1:1']).master).toBe('http://127.0.0.1:1');
  });

  it('F49 F50 F51 F52: logging flags win over the file; --vmodule is put before it', () => {
    const body = 'logging: {verbosity: 1, vmodule: [{filePattern: b, verbosity: 2}]}\n';
    const { logging } = settingsOfFile(body, ['-v=5', '--vmodule=a=9', '--log-flush-frequency=1s']).config;
    expect(logging).toMatchObject({
      verbosity: 5,
      flushFrequency: 1000,
      vmodule: [{ filePattern: 'a' }, { filePattern: 'b' }],
    });
    expect(settingsOfFile('logging: {format: text}\n', ['--logging-format=json']).config.logging.format).toBe(
      'json',
    );
  });

  it('F65 F23 F24: sync periods count if they belong to the mode', () => {
    const { config, warnings } = settingsOf([
      '--proxy-mode=ipvs',
      '--ipvs-sync-period=7s',
      '--iptables-sync-period=9s',
    ]);
    expect(config.ipvs.syncPeriod).toBe(7000);
    expect(config.iptables.syncPeriod).toBe(0);
    expect(warnings).toEqual(['--iptables-sync-period has no effect in mode ipvs']);
  });

  it('F26: ipvs rests a second by flags, not at all by file', () => {
    expect(settingsOf(['--proxy-mode=ipvs']).config.ipvs.minSyncPeriod).toBe(1000);
    expect(settingsOfFile('mode: ipvs\n').config.ipvs.minSyncPeriod).toBe(0);
  });

  it('F25 F27 F28 F29 F30 F31 F32: flags of ipvs mode reach their section', () => {
    const flags = [
      '--ipvs-scheduler=lc',
      '--ipvs-exclude-cidrs=10.0.0.0/8,fd00::/8',
      '--ipvs-strict-arp',
      '--ipvs-tcp-timeout=1s',
    ];
    const { ipvs } = settingsOf([
      '--proxy-mode=ipvs',
      ...flags,
      '--ipvs-tcpfin-timeout=2s',
      '--ipvs-udp-timeout=3s',
      '--ipvs-sync-period=1m',
    ]).config;
    expect(ipvs).toMatchObject({
      scheduler: 'lc',
      excludeCIDRs: ['10.0.0.0/8', 'fd00::/8'],
      strictARP: true,
      tcpTimeout: 1000,
      tcpFinTimeout: 2000,
      udpTimeout: 3000,
      syncPeriod: 60_000,
    });
  });

  it('F66: --bind-address=:: leaves the servers on IPv4; bindAddress in a file moves them', () => {
    const flags = settingsOf(['--bind-address=::']).config;
    expect(flags).toMatchObject({
      healthzBindAddress: '0.0.0.0:10256',
      metricsBindAddress: '127.0.0.1:10249',
    });
    const file = settingsOfFile('bindAddress: "::"\n').config;
    expect(file).toMatchObject({ healthzBindAddress: '[::]:10256', metricsBindAddress: '[::1]:10249' });
  });

  it('F14 F73: a missing port is appended', () => {
    expect(settingsOf(['--healthz-bind-address=10.0.0.1']).config.healthzBindAddress).toBe('10.0.0.1:10256');
    expect(settingsOfFile('metricsBindAddress: "::1"\n').config.metricsBindAddress).toBe('[::1]:10249');
    expect(settingsOfFile('metricsBindAddress: 0.0.0.0\n').config.metricsBindAddress).toBe('0.0.0.0:10249');
  });

  it('F72 F36 F37: leading zeros in addresses are decimal, and what follows sees none of them', () => {
    const body =
      'bindAddress: 010.0.0.001\nnodePortAddresses: [010.0.0.0/08, FD00::0/8]\nclusterCIDR: 010.244.1.0/016\nipvs: {excludeCIDRs: [010.1.0.0/16]}\n';
    const { config } = settingsOfFile(body);
    expect(config).toMatchObject({
      bindAddress: '10.0.0.1',
      nodePortAddresses: ['10.0.0.0/8', 'fd00::/8'],
      clusterCIDR: '10.244.1.0/16',
      ipvs: { excludeCIDRs: ['10.1.0.0/16'] },
    });
    expect(modelConfig(settingsOfFile(body)).nodeIPOverride).toBe('10.0.0.1');
  });

  it('F14 F15 F73: an empty address keeps the default', () => {
    expect(settingsOf(['--healthz-bind-address=', '--metrics-bind-address=']).config).toMatchObject({
      healthzBindAddress: '0.0.0.0:10256',
      metricsBindAddress: '127.0.0.1:10249',
    });
    expect(settingsOfFile('healthzBindAddress: ""\n').config.healthzBindAddress).toBe('0.0.0.0:10256');
  });

  it('`none` switches a server off, by flag and by file', () => {
    const off = { healthzBindAddress: 'none', metricsBindAddress: 'none' };
    expect(settingsOf(['--healthz-bind-address=none', '--metrics-bind-address=none']).config).toMatchObject(
      off,
    );
    expect(settingsOfFile('healthzBindAddress: none\nmetricsBindAddress: none\n').config).toMatchObject(off);
  });

  it('F47: --healthz-port=0 switches the server off; another one completes an address without port', () => {
    const address = (...argv: string[]) => settingsOf(argv).config.healthzBindAddress;
    expect(address('--healthz-port=0')).toBe('');
    expect(address('--healthz-port=1234')).toBe('0.0.0.0:10256');
    expect(address('--healthz-port=1234', '--healthz-bind-address=192.0.2.1')).toBe('192.0.2.1:1234');
    expect(address('--healthz-port=1234', '--healthz-bind-address=192.0.2.1:10256')).toBe('192.0.2.1:10256');
  });

  it('F47 F48: the port flags are ignored with --config and with --write-config-to', () => {
    const written = settingsOf(['--healthz-port=0', '--metrics-port=0', '--write-config-to=/tmp/x']).config;
    expect(written.healthzBindAddress).toBe('0.0.0.0:10256');
    expect(written.metricsBindAddress).toBe('127.0.0.1:10249');
    expect(settingsOfFile('', ['--healthz-port=0']).config.healthzBindAddress).toBe('0.0.0.0:10256');
  });

  it('F67: Windows has its own mode and defaults', () => {
    const { config } = settingsOf([], { platform: 'windows' });
    expect(config).toMatchObject({
      mode: 'kernelspace',
      detectLocalMode: '',
      winkernel: { rootHnsEndpointName: 'cbr0' },
    });
  });

  it('F57 F58 F59 F60 F61 F62: flags of kernelspace mode reach their section', () => {
    const argv = [
      '--source-vip=10.0.0.9',
      '--network-name=net',
      '--enable-dsr',
      '--root-hnsendpoint-name=gw',
      '--forward-healthcheck-vip',
      '--windows-service',
    ];
    expect(settingsOf(argv, { platform: 'windows' }).config).toMatchObject({
      winkernel: {
        sourceVip: '10.0.0.9',
        networkName: 'net',
        enableDSR: true,
        rootHnsEndpointName: 'gw',
        forwardHealthCheckVip: true,
      },
      windowsRunAsService: true,
    });
  });

  it('F13 F16 F17 F18 F21 F22 F33 F34 F35 F36 F37 F38 F46: flags without a file reach their fields', () => {
    const argv = [
      '--bind-address=10.0.0.5',
      '--bind-address-hard-fail',
      '--profiling',
      '--show-hidden-metrics-for-version=1.35',
      '--masquerade-all',
      '--iptables-localhost-nodeports=false',
      '--detect-local-mode=BridgeInterface',
      '--pod-bridge-interface=cni0',
      '--pod-interface-name-prefix=veth',
      '--cluster-cidr=10.0.0.0/8,fd00::/8',
      '--nodeport-addresses=primary',
      '--oom-score-adj=-5',
      '--config-sync-period=1m',
    ];
    expect(settingsOf(argv).config).toMatchObject({
      bindAddress: '10.0.0.5',
      bindAddressHardFail: true,
      enableProfiling: true,
      showHiddenMetricsForVersion: '1.35',
      iptables: { masqueradeAll: true, localhostNodePorts: false },
      detectLocalMode: 'BridgeInterface',
      detectLocal: { bridgeInterface: 'cni0', interfaceNamePrefix: 'veth' },
      clusterCIDR: '10.0.0.0/8,fd00::/8',
      nodePortAddresses: ['primary'],
      oomScoreAdj: -5,
      configSyncPeriod: 60_000,
    });
  });

  it('F9 F10 F11 F39 F40 F41 F42 F43 F44 F45: flags of client and conntrack reach their fields', () => {
    const argv = [
      '--kube-api-content-type=application/json',
      '--kube-api-burst=3',
      '--kube-api-qps=2.5',
      '--conntrack-max-per-core=1',
      '--conntrack-min=2',
      '--conntrack-tcp-timeout-established=3s',
      '--conntrack-tcp-timeout-close-wait=4s',
      '--conntrack-tcp-be-liberal',
      '--conntrack-udp-timeout=5s',
      '--conntrack-udp-timeout-stream=6s',
    ];
    expect(settingsOf(argv).config).toMatchObject({
      clientConnection: { contentType: 'application/json', burst: 3, qps: 2.5 },
      conntrack: {
        maxPerCore: 1,
        min: 2,
        tcpEstablishedTimeout: 3000,
        tcpCloseWaitTimeout: 4000,
        tcpBeLiberal: true,
        udpTimeout: 5000,
        udpStreamTimeout: 6000,
      },
    });
  });
});

describe('the node name', () => {
  it('is not needed by a clean-up: a host without a name can be cleaned', () => {
    expect(() => settingsOf(['--cleanup'], { hostName: '(none)' })).not.toThrow();
    expect(() => settingsOf([], { hostName: '(none)' })).toThrow('"(none)" is not a host name');
  });
});
