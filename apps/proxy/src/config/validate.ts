import { parseCidr } from './ip.ts';
import { notCidr } from './checks.ts';
import { createFeatureGates } from './feature-gates.ts';
import { FIELDS, getField } from './fields.ts';
import { describeProblem, type Origin, type Report } from './problem.ts';
import type { KubeProxyConfiguration } from './types.ts';
import { checkMode, chooseMode, type ModeChoice } from '../modes/choose-mode.ts';
import type { ModeConfiguration, ProxyMode } from '../modes/proxy-mode.ts';

/** Everything that is wrong with a completed configuration; one line each, naming flag or field, value and reason. */
export function validateConfiguration(origin: Origin, choice: ModeChoice): readonly string[] {
  const { config } = origin;
  const problems: string[] = [];
  const report: Report = (path, reason) => problems.push(describeProblem(origin, path, reason));
  const mode = chooseMode(choice, config);
  const wrongMode = checkMode(choice, config.mode);
  if (wrongMode !== null) report('mode', wrongMode);
  checkFields(config, sectionsOfOthers(mode, choice.modes), report);
  validateLogging(config, report);
  validateSyncPeriods(config, mode.configuration, report);
  validateDetectLocal(config, report);
  mode.configuration.validate?.(config, report);
  return problems;
}

/** Sections that only other modes read: what is in them is not checked. */
function sectionsOfOthers({ configuration }: ProxyMode, modes: readonly ProxyMode[]): readonly string[] {
  const { ownSection, periods, masquerade } = configuration;
  return modes
    .flatMap((other) => other.configuration.ownSection ?? [])
    .filter((section) => section !== ownSection && section !== periods && section !== masquerade);
}

function checkFields(config: KubeProxyConfiguration, unread: readonly string[], report: Report): void {
  for (const { path, problems } of FIELDS) {
    if (unread.some((section) => path.startsWith(`${section}.`))) continue;
    for (const reason of problems(getField(config, path))) report(path, reason);
  }
}

/** The rules of Kubernetes' shared logging options for fields that depend on others. */
function validateLogging({ logging, featureGates }: KubeProxyConfiguration, report: Report): void {
  const { format, vmodule, options } = logging;
  if (vmodule.length > 0 && format !== 'text')
    report('logging.vmodule', 'only supported for the text log format');
  if (createFeatureGates(featureGates).enabled('LoggingAlphaOptions')) return;
  for (const stream of ['text', 'json'] as const) {
    const reason = 'feature LoggingAlphaOptions is disabled';
    if (options[stream].splitStream) report(`logging.options.${stream}.splitStream`, reason);
    if (!/^\+?0/.test(options[stream].infoBufferSize))
      report(`logging.options.${stream}.infoBufferSize`, reason);
  }
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
    const reason = (lower: string): string => `must be greater than or equal to ${lower}`;
    report(`${section}.syncPeriod`, (nameOf) => reason(nameOf(`${section}.minSyncPeriod`)));
  }
}

function validateDetectLocal(config: KubeProxyConfiguration, report: Report): void {
  const { detectLocalMode: mode, detectLocal, clusterCIDR } = config;
  const required = (path: 'bridgeInterface' | 'interfaceNamePrefix'): void => {
    if (detectLocal[path] !== '') return;
    report(
      `detectLocal.${path}`,
      (nameOf) => `must not be empty with ${nameOf('detectLocalMode')} set to ${mode}`,
    );
  };
  if (mode === 'BridgeInterface') required('bridgeInterface');
  if (mode === 'InterfaceNamePrefix') required('interfaceNamePrefix');
  if (mode === 'ClusterCIDR' && clusterCIDR !== '') validateClusterCidr(clusterCIDR, report);
}

function validateClusterCidr(text: string, report: Report): void {
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
