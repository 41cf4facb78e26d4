import { describe, expect, it } from 'vitest';
import { fieldAt } from '../config/fields.ts';
import { MODES } from '../modes/index.ts';
import { flagNamed, FLAGS } from './flags.ts';
import { helpText } from './help.ts';
import { parseFlagValue } from './parse.ts';

/** kube-proxy 1.36's flags and their defaults. */
const ROWS: readonly (readonly [string, string, string])[] = [
  ['F1: ', 'config', ''],
  ['F2: ', 'write-config-to', ''],
  ['F3: ', 'cleanup', 'false'],
  ['F4: ', 'init-only', 'false'],
  ['F5: ', 'version', 'false'],
  ['F6: ', 'feature-gates', ''],
  ['F7: ', 'kubeconfig', ''],
  ['F8: ', 'master', ''],
  ['F9: ', 'kube-api-content-type', 'application/vnd.kubernetes.protobuf'],
  ['F10: ', 'kube-api-burst', '10'],
  ['F11: ', 'kube-api-qps', '5'],
  ['F12: ', 'hostname-override', ''],
  ['F13: ', 'bind-address', '0.0.0.0'],
  ['F14: ', 'healthz-bind-address', '0.0.0.0:10256'],
  ['F15: ', 'metrics-bind-address', '127.0.0.1:10249'],
  ['F16: ', 'bind-address-hard-fail', 'false'],
  ['F17: ', 'profiling', 'false'],
  ['F18: ', 'show-hidden-metrics-for-version', ''],
  ['F19: ', 'proxy-mode', ''],
  ['F20: ', 'iptables-masquerade-bit', '14'],
  ['F21: ', 'masquerade-all', 'false'],
  ['F22: ', 'iptables-localhost-nodeports', 'true'],
  ['F23: ', 'iptables-sync-period', '30s'],
  ['F24: ', 'iptables-min-sync-period', '1s'],
  ['F25: ', 'ipvs-sync-period', '30s'],
  ['F26: ', 'ipvs-min-sync-period', '1s'],
  ['F27: ', 'ipvs-scheduler', ''],
  ['F28: ', 'ipvs-exclude-cidrs', ''],
  ['F29: ', 'ipvs-strict-arp', 'false'],
  ['F30: ', 'ipvs-tcp-timeout', '0s'],
  ['F31: ', 'ipvs-tcpfin-timeout', '0s'],
  ['F32: ', 'ipvs-udp-timeout', '0s'],
  ['F33: ', 'detect-local-mode', ''],
  ['F34: ', 'pod-bridge-interface', ''],
  ['F35: ', 'pod-interface-name-prefix', ''],
  ['F36: ', 'cluster-cidr', ''],
  ['F37: ', 'nodeport-addresses', ''],
  ['F38: ', 'oom-score-adj', '-999'],
  ['F39: ', 'conntrack-max-per-core', '32768'],
  ['F40: ', 'conntrack-min', '131072'],
  ['F41: ', 'conntrack-tcp-timeout-established', '24h0m0s'],
  ['F42: ', 'conntrack-tcp-timeout-close-wait', '1h0m0s'],
  ['F43: ', 'conntrack-tcp-be-liberal', 'false'],
  ['F44: ', 'conntrack-udp-timeout', '0s'],
  ['F45: ', 'conntrack-udp-timeout-stream', '0s'],
  ['F46: ', 'config-sync-period', '15m0s'],
  ['F47: ', 'healthz-port', '10256'],
  ['F48: ', 'metrics-port', '10249'],
  ['F49: ', 'logging-format', 'text'],
  ['F50: ', 'log-flush-frequency', '5s'],
  ['F51: ', 'v', '0'],
  ['F52: ', 'vmodule', ''],
  ['F53: ', 'log-text-split-stream', 'false'],
  ['F53: ', 'log-text-info-buffer-size', '0'],
  ['F54: ', 'log-json-split-stream', 'false'],
  ['F54: ', 'log-json-info-buffer-size', '0'],
  ['F55: ', 'machine-id-file', '/etc/machine-id,/var/lib/dbus/machine-id'],
  ['F55: ', 'boot-id-file', '/proc/sys/kernel/random/boot_id'],
  ['F56: ', 'help', 'false'],
  ['F57: ', 'windows-service', 'false'],
  ['F58: ', 'source-vip', ''],
  ['F59: ', 'network-name', ''],
  ['F60: ', 'enable-dsr', 'false'],
  ['F61: ', 'root-hnsendpoint-name', 'cbr0'],
  ['F62: ', 'forward-healthcheck-vip', 'false'],
];

describe('the table of flags', () => {
  it.each(ROWS)("%s--%s has kube-proxy's default %j", (_, name, initial) => {
    expect(flagNamed(name)?.initial).toBe(initial);
  });

  it("has few flags beyond kube-proxy's", () => {
    const known = new Set(ROWS.map(([, name]) => name));
    expect(FLAGS.map(({ name }) => name).filter((name) => !known.has(name))).toEqual([
      'manifests',
      'strict',
      'ipvs-local-policy-fallback',
      'userspace-map',
      'udp-timeout',
      'userspace-tcp-idle-timeout',
      'userspace-drain-timeout',
      'userspace-workers',
      'userspace-access-log',
      'userspace-tracing-sampling-rate-per-million',
      'service-metrics',
      'service-metrics-max-series',
      'tracing-endpoint',
      'tracing-sampling-rate-per-million',
    ]);
  });

  it('names fields that exist, and defaults of its own kind', () => {
    for (const flag of FLAGS) {
      if (flag.field !== undefined) expect(fieldAt(flag.field), `field of --${flag.name}`).toBeDefined();
      expect(parseFlagValue(flag, flag.initial), `default of --${flag.name}`).toMatchObject({ ok: true });
    }
  });

  it('F56: help shows every flag below its group', () => {
    const help = helpText(MODES);
    for (const { name, group } of FLAGS) {
      expect(help).toContain(`--${name}`);
      expect(help.indexOf(`\n${group}\n`)).toBeGreaterThan(0);
      expect(help.indexOf(`\n${group}\n`)).toBeLessThan(
        help.indexOf(`--${name} `) + help.indexOf(`--${name}\n`) + 2,
      );
    }
    expect(Math.max(...help.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
  });
});
