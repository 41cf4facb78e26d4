import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommandLine } from './command-line.ts';
import { recordingComposition } from './testing/composition.ts';

const HEADER = 'apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n';

const folder = { path: '' };
beforeAll(() => {
  folder.path = mkdtempSync(join(tmpdir(), 'proxy-command-line-'));
});
afterAll(() => rmSync(folder.path, { recursive: true, force: true }));

async function command(...argv: string[]) {
  const printed: string[] = [];
  const outcome = await runCommandLine(argv, recordingComposition(), {
    print: (text) => printed.push(text),
    hint: () => undefined,
  });
  return { ...outcome, printed: printed.join('') };
}

function fileWith(body: string): string {
  const path = join(folder.path, 'config.yaml');
  writeFileSync(path, body);
  return path;
}

/** What the line must say: the field or flag, and why. */
const BAD_FILES: readonly (readonly [ids: string, culprit: string, reason: string, body: string])[] = [
  ['F1: ', 'config.yaml', 'not YAML', 'a: ['],
  ['F1: ', 'config.yaml', 'not an object', 'just text'],
  ['F1: ', 'config.yaml', 'the file is empty', ''],
  ['F1: ', 'config.yaml', 'the file is empty', '---\n# nothing but a remark\n'],
  ['F1: ', 'config.yaml', 'not YAML', `${HEADER}iptables:\n\tsyncPeriod: 1s\n`],
  [
    'F1: ',
    'KubeProxyConfiguration.kind: Invalid value: "Pod"',
    'must be KubeProxyConfiguration',
    'kind: Pod\napiVersion: v1\n',
  ],
  [
    'F1: ',
    'KubeProxyConfiguration.iptables: Invalid value: 5',
    'must be an object',
    `${HEADER}iptables: 5\n`,
  ],
  ['F1: ', 'KubeProxyConfiguration.mode: Invalid value: 5', 'must be a string', `${HEADER}mode: 5\n`],
  [
    'F69 F77: ',
    'KubeProxyConfiguration.featureGates',
    'feature is locked to true',
    `${HEADER}featureGates: {WinDSR: false}\n`,
  ],
  [
    'F70: ',
    'KubeProxyConfiguration.clientConnection.burst: Invalid value: -1',
    'must be non-negative',
    `${HEADER}clientConnection: {burst: -1}\n`,
  ],
  [
    'F71: ',
    'KubeProxyConfiguration.logging.format: Invalid value: "xml"',
    'unsupported log format',
    `${HEADER}logging: {format: xml}\n`,
  ],
  [
    'F71: ',
    'KubeProxyConfiguration.logging.flushFrequency',
    'must be greater than 0',
    `${HEADER}logging: {flushFrequency: -1s}\n`,
  ],
  [
    'F71: ',
    'KubeProxyConfiguration.logging.vmodule',
    'only supported for the text log format',
    `${HEADER}logging: {format: json, vmodule: [{filePattern: a, verbosity: 1}]}\n`,
  ],
  [
    'F71: ',
    'KubeProxyConfiguration.logging.vmodule',
    'must be a list of',
    `${HEADER}logging: {vmodule: [{filePattern: a, verbosity: -1}]}\n`,
  ],
  [
    'F71: ',
    'KubeProxyConfiguration.logging.vmodule',
    'must not be empty or contain',
    `${HEADER}logging: {vmodule: [{filePattern: "a=b", verbosity: 1}]}\n`,
  ],
  [
    'F53 F71: ',
    'KubeProxyConfiguration.logging.options.text.splitStream',
    'LoggingAlphaOptions is disabled',
    `${HEADER}logging: {options: {text: {splitStream: true}}}\n`,
  ],
  [
    'F54 F71: ',
    'KubeProxyConfiguration.logging.options.json.infoBufferSize',
    'LoggingAlphaOptions is disabled',
    `${HEADER}logging: {options: {json: {infoBufferSize: 64Ki}}}\n`,
  ],
  [
    'F72: ',
    'KubeProxyConfiguration.bindAddress: Invalid value: "nowhere"',
    'IP address',
    `${HEADER}bindAddress: nowhere\n`,
  ],
  [
    'F73: ',
    'KubeProxyConfiguration.healthzBindAddress: Invalid value: "localhost"',
    'must be IP:port',
    `${HEADER}healthzBindAddress: localhost\n`,
  ],
  [
    'F73: ',
    'KubeProxyConfiguration.metricsBindAddress: Invalid value: "host:10249"',
    'must be a valid IP',
    `${HEADER}metricsBindAddress: "host:10249"\n`,
  ],
  [
    'F73: ',
    'KubeProxyConfiguration.metricsBindAddress',
    'must be a valid port',
    `${HEADER}metricsBindAddress: 127.0.0.1:99999\n`,
  ],
  [
    'F18 F74: ',
    'KubeProxyConfiguration.showHiddenMetricsForVersion: Invalid value: "1.30"',
    'previous minor version, 1.35',
    `${HEADER}showHiddenMetricsForVersion: "1.30"\n`,
  ],
  [
    'F19 F75: ',
    'KubeProxyConfiguration.mode: Invalid value: "ebpf"',
    'must be one of iptables, ipvs, nftables, userspace or blank',
    `${HEADER}mode: ebpf\n`,
  ],
  [
    'F79: ',
    'KubeProxyConfiguration.nftables.masqueradeBit: Invalid value: 32',
    'must be within the range [0, 31]',
    `${HEADER}mode: nftables\nnftables: {masqueradeBit: 32}\n`,
  ],
  [
    'F79: ',
    'KubeProxyConfiguration.nftables.syncPeriod: Invalid value: "1s"',
    'must be greater than or equal to nftables.minSyncPeriod',
    `${HEADER}mode: nftables\nnftables: {syncPeriod: 1s, minSyncPeriod: 2s}\n`,
  ],
  [
    'F75: ',
    'KubeProxyConfiguration.mode: Invalid value: "kernelspace"',
    'on linux',
    `${HEADER}mode: kernelspace\n`,
  ],
  [
    'F20 F76: ',
    'KubeProxyConfiguration.iptables.masqueradeBit: Invalid value: 32',
    'range [0, 31]',
    `${HEADER}iptables: {masqueradeBit: 32}\n`,
  ],
  [
    'F78: ',
    'KubeProxyConfiguration.ipvs.tcpTimeout',
    'greater than or equal to 0',
    `${HEADER}mode: ipvs\nipvs: {tcpTimeout: -1s}\n`,
  ],
  [
    'F78: ',
    'KubeProxyConfiguration.ipvs.excludeCIDRs',
    '10.0.0.1 is not a valid CIDR',
    `${HEADER}mode: ipvs\nipvs: {excludeCIDRs: [10.0.0.1]}\n`,
  ],
  [
    'F33 F81: ',
    'KubeProxyConfiguration.detectLocalMode: Invalid value: "Magic"',
    'must be one of ClusterCIDR',
    `${HEADER}detectLocalMode: Magic\n`,
  ],
  [
    'F34 F81: ',
    'KubeProxyConfiguration.detectLocal.bridgeInterface',
    'must not be empty',
    `${HEADER}detectLocalMode: BridgeInterface\n`,
  ],
  [
    'F35 F81: ',
    'KubeProxyConfiguration.detectLocal.interfaceNamePrefix',
    'must not be empty',
    `${HEADER}detectLocalMode: InterfaceNamePrefix\n`,
  ],
  [
    'F36 F81: ',
    'KubeProxyConfiguration.clusterCIDR: Invalid value: "10.0.0.0"',
    'not a valid CIDR',
    `${HEADER}clusterCIDR: 10.0.0.0\n`,
  ],
  [
    'F81: ',
    'KubeProxyConfiguration.clusterCIDR',
    'DualStack',
    `${HEADER}clusterCIDR: "10.0.0.0/8,10.1.0.0/16"\n`,
  ],
  [
    'F81: ',
    'KubeProxyConfiguration.clusterCIDR',
    'only one CIDR allowed',
    `${HEADER}clusterCIDR: "10.0.0.0/8,fd00::/8,10.1.0.0/16"\n`,
  ],
  [
    'F37 F82: ',
    'KubeProxyConfiguration.nodePortAddresses',
    '"everything" must be a valid CIDR, or one of "primary", "localhost", "all"',
    `${HEADER}nodePortAddresses: [primary, 10.0.0.0/8, everything]\n`,
  ],
  [
    'F82: ',
    'KubeProxyConfiguration.nodePortAddresses',
    'must be a valid CIDR',
    `${HEADER}nodePortAddresses: [10.0.0.1]\n`,
  ],
  [
    'F38 F83: ',
    'KubeProxyConfiguration.oomScoreAdj: Invalid value: 1001',
    'range [-1000, 1000]',
    `${HEADER}oomScoreAdj: 1001\n`,
  ],
  [
    'F83: ',
    'KubeProxyConfiguration.conntrack.min: Invalid value: -1',
    'greater than or equal to 0',
    `${HEADER}conntrack: {min: -1}\n`,
  ],
  [
    'F83: ',
    'KubeProxyConfiguration.conntrack.udpTimeout',
    'greater than or equal to 0',
    `${HEADER}conntrack: {udpTimeout: -1s}\n`,
  ],
  [
    'F84: ',
    'KubeProxyConfiguration.configSyncPeriod',
    'must be greater than 0',
    `${HEADER}configSyncPeriod: -1s\n`,
  ],
  [
    'F85: ',
    'KubeProxyConfiguration.iptables.syncPeriod',
    'must be greater than',
    `${HEADER}iptables: {syncPeriod: -1s}\n`,
  ],
  [
    'F85: ',
    'KubeProxyConfiguration.iptables.syncPeriod',
    'greater than or equal to iptables.minSyncPeriod',
    `${HEADER}iptables: {syncPeriod: 1s, minSyncPeriod: 2s}\n`,
  ],
];

describe('bad configuration files end the process with status 1', () => {
  it.each(BAD_FILES)('%s%s: %s', async (_, culprit, reason, body) => {
    const { status, errors } = await command('--config', fileWith(body));
    expect(status).toBe(1);
    const named = errors.filter((line) => line.includes(culprit) && line.includes(reason));
    expect(named, `no line names ${culprit} and ${reason}; got:\n${errors.join('\n')}`).toHaveLength(1);
    expect(errors.every((line) => !line.includes('\n'))).toBe(true);
  });

  it('F1: a file that is not there is named', async () => {
    const { status, errors } = await command('--config=/no/such/file');
    expect(status).toBe(1);
    expect(errors).toEqual([expect.stringContaining('--config: cannot read /no/such/file: ENOENT')]);
  });
});

describe('bad flags end the process with status 1', () => {
  it.each([
    [
      'F12: ',
      ['--hostname-override=  '],
      'invalid argument "  " for "--hostname-override" flag: the node name is empty',
    ],
    [
      'F12: ',
      ['--hostname_override=node a'],
      'invalid argument "node a" for "--hostname_override" flag: the node name "node a" is not a host name',
    ],
    [
      'F19: ',
      ['--proxy-mode=ebpf'],
      'invalid argument "ebpf" for "--proxy-mode" flag: must be one of iptables, ipvs, nftables, userspace or blank',
    ],
    [
      'F20: ',
      ['--iptables-masquerade-bit=32'],
      'for "--iptables-masquerade-bit" flag: must be within the range',
    ],
    [
      'F48: ',
      ['--metrics-port=0'],
      'invalid argument "0" for "--metrics-port" flag: must be within the range [1, 65535]',
    ],
    ['F5: ', ['--version=1.2'], '--version: 1.2 is not true, raw or vX.Y.Z'],
    ['F57: ', ['service', 'install'], 'signalbox windows-service: only on Windows'],
    ['F63: ', ['start'], 'does not take any arguments'],
    ['F2: ', ['--write-config-to=/no/such/folder/x'], '--write-config-to: cannot write /no/such/folder/x'],
  ])('%s%j', async (_, argv, expected) => {
    const { status, errors } = await command(...argv);
    expect(status).toBe(1);
    expect(errors).toEqual([expect.stringContaining(expected)]);
  });
});

describe('commands that print and end', () => {
  it('F5: --version prints the Kubernetes version whose behaviour this is', async () => {
    expect(await command('--version')).toMatchObject({
      status: 0,
      printed: expect.stringMatching(/^Kubernetes v1\.36\.\d+\n$/),
    });
    const raw = await command('--version=raw');
    expect(JSON.parse(raw.printed)).toMatchObject({
      major: '1',
      minor: '36',
      gitVersion: expect.stringMatching(/^v1\.36\.\d+$/),
      signalboxVersion: expect.stringMatching(/^\d+\.\d+\.\d+$/),
    });
  });

  it('F56: --help prints the flags', async () => {
    expect((await command('--help')).printed).toContain('--proxy-mode <string>');
  });

  it('F2 F67 F85: --write-config-to writes a file that --config takes, with platform defaults', async () => {
    const path = join(folder.path, 'written.yaml');
    expect(await command('--cluster-cidr=10.0.0.0/8', '--write-config-to', path)).toMatchObject({
      status: 0,
      errors: [],
    });
    const written = readFileSync(path, 'utf8');
    expect(written).toContain('mode: iptables');
    expect(written).toContain('detectLocalMode: ClusterCIDR');
    expect(written).toMatch(/ipvs:[\s\S]*?syncPeriod: 0s/);
    expect(written.indexOf('apiVersion')).toBe(0);
    const again = join(folder.path, 'again.yaml');
    expect(await command('--config', path, '--write-config-to', again)).toMatchObject({
      status: 0,
      errors: [],
    });
    expect(readFileSync(again, 'utf8')).toBe(written);
  });
});
