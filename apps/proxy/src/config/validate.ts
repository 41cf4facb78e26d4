import { NODE_PORT_WORDS } from '@signalbox/core';
import { NO_SERVER, parseAddress, parseAddressPort, parseCidr } from './ip.ts';
import { checkFeatureGate } from './feature-gates.ts';
import { formatDuration } from './duration.ts';
import { fieldAt, getField } from './fields.ts';
import { invalidValue } from './render.ts';
import { notCidr, within, type Report } from './report.ts';
import { validateLogging } from './validate-logging.ts';
import type { KubeProxyConfiguration } from './types.ts';
import { checkMode, chooseMode, type ModeChoice } from '../modes/choose-mode.ts';
import type { ModeConfiguration } from '../modes/proxy-mode.ts';
import { KUBERNETES_MINOR } from '../version/version.ts';

/** Everything that is wrong with a completed configuration; one line each, naming field, value and reason. */
export function validateConfiguration(config: KubeProxyConfiguration, choice: ModeChoice): readonly string[] {
  const problems: string[] = [];
  const report: Report = (path, reason) =>
    problems.push(invalidValue(path, shownValue(config, path), reason));
  for (const [name, enabled] of Object.entries(config.featureGates)) {
    const reason = checkFeatureGate(name, { enabled });
    if (reason !== null) report('featureGates', reason);
  }
  const wrongMode = checkMode(choice, config.mode);
  if (wrongMode !== null) report('mode', wrongMode);
  const mode = chooseMode(choice, config).configuration;
  validateLogging(config, report);
  validateNumbers(config, report);
  validateAddresses(config, report);
  validateSyncPeriods(config, mode, report);
  mode.validate?.(config, report);
  validateDetectLocal(config, report);
  validateNodePortAddresses(config.nodePortAddresses, report);
  validateHiddenMetrics(config.showHiddenMetricsForVersion, report);
  return problems;
}

/** Durations as they are written, the rest as it is. */
function shownValue(config: KubeProxyConfiguration, path: string): unknown {
  const value = getField(config, path);
  return fieldAt(path)?.kind.startsWith('duration') === true ? formatDuration(value as number) : value;
}

function validateNumbers(config: KubeProxyConfiguration, report: Report): void {
  if (config.clientConnection.burst < 0) report('clientConnection.burst', 'must be non-negative');
  within(config.oomScoreAdj, [-1000, 1000], (reason) => report('oomScoreAdj', reason));
  within(config.iptables.masqueradeBit, [0, 31], (reason) => report('iptables.masqueradeBit', reason));
  const conntrack = Object.keys(config.conntrack) as (keyof KubeProxyConfiguration['conntrack'])[];
  for (const name of conntrack) {
    const value = config.conntrack[name];
    if (typeof value === 'number' && value < 0) {
      report(`conntrack.${name}`, 'must be greater than or equal to 0');
    }
  }
  if (config.configSyncPeriod <= 0) report('configSyncPeriod', 'must be greater than 0');
}

function validateAddresses(config: KubeProxyConfiguration, report: Report): void {
  if (parseAddress(config.bindAddress) === null)
    report('bindAddress', 'not a valid textual representation of an IP address');
  // An empty health address is what `--healthz-port=0` leaves: no server.
  if (config.healthzBindAddress !== '') validateServerAddress('healthzBindAddress', config, report);
  validateServerAddress('metricsBindAddress', config, report);
}

function validateServerAddress(
  path: 'healthzBindAddress' | 'metricsBindAddress',
  config: KubeProxyConfiguration,
  report: Report,
): void {
  if (config[path] === NO_SERVER) return;
  const parsed = parseAddressPort(config[path]);
  if (typeof parsed === 'string') report(path, parsed);
}

function validateSyncPeriods(
  config: KubeProxyConfiguration,
  { periods: section }: ModeConfiguration,
  report: Report,
): void {
  const { syncPeriod, minSyncPeriod } = config[section];
  if (syncPeriod <= 0) report(`${section}.syncPeriod`, 'must be greater than 0');
  if (minSyncPeriod < 0) report(`${section}.minSyncPeriod`, 'must be greater than or equal to 0');
  if (syncPeriod > 0 && minSyncPeriod > syncPeriod) {
    report(`${section}.syncPeriod`, `must be greater than or equal to ${section}.minSyncPeriod`);
  }
}

const DETECT_LOCAL_MODES = ['ClusterCIDR', 'NodeCIDR', 'BridgeInterface', 'InterfaceNamePrefix'];

function validateDetectLocal(config: KubeProxyConfiguration, report: Report): void {
  const { detectLocalMode: mode, detectLocal } = config;
  if (mode === 'BridgeInterface' && detectLocal.bridgeInterface === '') {
    report('detectLocal.bridgeInterface', 'must not be empty with detectLocalMode BridgeInterface');
  } else if (mode === 'InterfaceNamePrefix' && detectLocal.interfaceNamePrefix === '') {
    report('detectLocal.interfaceNamePrefix', 'must not be empty with detectLocalMode InterfaceNamePrefix');
  } else if (mode === 'ClusterCIDR') {
    validateClusterCidr(config.clusterCIDR, report);
  } else if (mode !== '' && !DETECT_LOCAL_MODES.includes(mode)) {
    report('detectLocalMode', `must be one of ${DETECT_LOCAL_MODES.join(', ')} or blank`);
  }
}

function validateClusterCidr(text: string, report: Report): void {
  if (text === '') return;
  const parts = text.split(',');
  const cidrs = parts.map(parseCidr);
  const wrong = parts.find((_, index) => cidrs[index] === null);
  if (wrong !== undefined) {
    report('clusterCIDR', notCidr(wrong));
  } else if (cidrs.length > 2) {
    report(
      'clusterCIDR',
      'only one CIDR allowed or a valid DualStack CIDR (e.g. 10.100.0.0/16,fde4:8dba:82e1::/48)',
    );
  } else if (cidrs.length === 2 && cidrs[0]?.family === cidrs[1]?.family) {
    report('clusterCIDR', 'must be a valid DualStack CIDR (e.g. 10.100.0.0/16,fde4:8dba:82e1::/48)');
  }
}

function validateNodePortAddresses(addresses: readonly string[], report: Report): void {
  for (const address of addresses) {
    if (NODE_PORT_WORDS.includes(address) || parseCidr(address) !== null) continue;
    const words = NODE_PORT_WORDS.map(render).join(', ');
    report('nodePortAddresses', `${render(address)} must be a valid CIDR, or one of ${words}`);
  }
}

function validateHiddenMetrics(version: string, report: Report): void {
  const previous = `1.${KUBERNETES_MINOR - 1}`;
  if (version !== '' && version !== previous) {
    report('showHiddenMetricsForVersion', `must be empty or the previous minor version, ${previous}`);
  }
}

function render(text: string): string {
  return JSON.stringify(text);
}
