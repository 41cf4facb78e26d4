import { isNodeName } from '@signalbox/core';
import type { FieldValue } from './fields.ts';
import type { FlagKind } from '../flags/flag.ts';
import type { ParsedFlags } from '../flags/parse.ts';
import { FLAGS } from '../flags/table/index.ts';
import { decodeConfiguration } from './decode.ts';
import {
  applyAddressDefaults,
  applyModeDefaults,
  clearUnusedPeriods,
  completePorts,
  normalizeAddresses,
} from './defaults.ts';
import { formatDuration } from './duration.ts';
import { unknownFeatureGates } from './feature-gates.ts';
import { initialConfiguration, setField } from './fields.ts';
import { withDefaultPort } from './ip.ts';
import { invalidValue, messageOf } from './render.ts';
import type { Settings, SettingsResult } from './settings.ts';
import type { KubeProxyConfiguration, VmoduleItem } from './types.ts';
import { validateConfiguration } from './validate.ts';
import { chooseMode, type ModeChoice } from '../modes/choose-mode.ts';

/** What the machine tells; passed in, so that tests can say it. */
export interface Surroundings extends ModeChoice {
  readonly hostName: string;
  /** Throws as `readFileSync` does. */
  readonly readFile: (path: string) => string;
}

interface Draft {
  readonly config: KubeProxyConfiguration;
  /** The file as it was read; empty without. */
  readonly text: string;
  readonly strictProblems: readonly string[];
  readonly warnings: string[];
}

/** Flags and file, by kube-proxy's precedence, completed with defaults and validated. */
export function completeSettings(flags: ParsedFlags, around: Surroundings): SettingsResult {
  const configFile = text(flags, 'config');
  const draft = configFile === '' ? fromFlags(flags, around) : fromFile(configFile, around);
  if (Array.isArray(draft)) return { ok: false, errors: draft };
  if (configFile !== '') overrideFile(draft, flags);
  if (configFile === '') completeFlagPorts(draft, flags);
  else applyAddressDefaults(draft.config);
  const defaultedMode = draft.config.mode === '';
  const mode = chooseMode(around, draft.config);
  applyModeDefaults(draft.config, mode, around.platform);
  clearUnusedPeriods(draft.config, mode.configuration);
  const errors = [...validateConfiguration(draft.config, around)];
  const override = draft.config.hostnameOverride;
  draft.config.hostnameOverride = override.trim().toLowerCase();
  const nodeName = override === '' ? around.hostName.trim().toLowerCase() : draft.config.hostnameOverride;
  // A clean-up asks no API server for the Node.
  const isCleanup = flags.given.get('cleanup') === true;
  if (!isCleanup && !isNodeName(nodeName)) {
    const problem = nodeName === '' ? 'is empty' : `${JSON.stringify(nodeName)} is not a host name`;
    const reason = `the node name ${problem}: set it to the name of the Node object`;
    errors.push(invalidValue('hostnameOverride', override, reason));
  }
  if (errors.length > 0) return { ok: false, errors };
  normalizeAddresses(draft.config);
  const unknown = unknownFeatureGates(draft.config.featureGates);
  if (unknown.length > 0) draft.warnings.push(`unrecognized feature gates, ignored: ${unknown.join(', ')}`);
  return { ok: true, settings: { ...settings(draft, flags, nodeName), mode, defaultedMode } };
}

function settings(
  draft: Draft,
  flags: ParsedFlags,
  nodeName: string,
): Omit<Settings, 'mode' | 'defaultedMode'> {
  return {
    config: draft.config,
    configFile: text(flags, 'config'),
    configText: draft.text,
    writeConfigTo: text(flags, 'write-config-to'),
    cleanup: flags.given.get('cleanup') === true,
    initOnly: flags.given.get('init-only') === true,
    master: text(flags, 'master'),
    manifests: text(flags, 'manifests'),
    strict: flags.given.get('strict') === true,
    version: text(flags, 'version') || 'false',
    nodeName,
    strictProblems: draft.strictProblems,
    warnings: draft.warnings,
    given: flags.given,
  };
}

function text(flags: ParsedFlags, name: string): string {
  const value = flags.given.get(name);
  return typeof value === 'string' ? value : '';
}

const PERIOD_FLAG = /^(iptables|ipvs)-(min-)?sync-period$/;

/** Without a file: defaults, and every flag that was given. */
function fromFlags(flags: ParsedFlags, choice: ModeChoice): Draft {
  const draft: Draft = { config: initialConfiguration(), text: '', strictProblems: [], warnings: [] };
  // Before the flags: a bind address given by flag does not move the servers to its family.
  applyAddressDefaults(draft.config);
  for (const flag of FLAGS) {
    const value = flags.given.get(flag.name);
    if (value === undefined || flag.field === undefined || PERIOD_FLAG.test(flag.name)) continue;
    // An empty address changes nothing: it cannot switch a server off.
    if (flag.kind === 'ip' || flag.kind === 'address') {
      if (value !== '') setField(draft.config, flag.field, value);
      continue;
    }
    setField(draft.config, flag.field, value);
  }
  draft.config.nftables.masqueradeAll = draft.config.iptables.masqueradeAll;
  applyPeriodFlags(draft, flags, choice);
  return draft;
}

/** Flags of sync periods count only if they belong to the mode. */
function applyPeriodFlags({ config, warnings }: Draft, { given }: ParsedFlags, choice: ModeChoice): void {
  const mode = chooseMode(choice, config);
  const { periods: section, periodFlags: prefix, minSyncPeriodWithoutFile } = mode.configuration;
  if (minSyncPeriodWithoutFile !== undefined) config[section].minSyncPeriod = minSyncPeriodWithoutFile;
  for (const name of [...given.keys()].filter((key) => PERIOD_FLAG.test(key))) {
    if (!name.startsWith(`${prefix}-`)) {
      warnings.push(`--${name} has no effect in mode ${mode.name}`);
      continue;
    }
    const path = name.includes('-min-') ? `${section}.minSyncPeriod` : `${section}.syncPeriod`;
    setField(config, path, given.get(name) ?? 0);
    if (prefix !== section) warnings.push(`--${name} sets ${path}: the mode is ${mode.name}`);
  }
}

/**
 * `--healthz-port` and `--metrics-port`, deprecated: 0 empties the address, another port completes an address
 * given without one. The default address has its port, and keeps it.
 */
function applyPortFlags({ config, warnings }: Draft, { given }: ParsedFlags): void {
  const ports = [
    ['healthz-port', 'healthz-bind-address', 'healthzBindAddress'],
    ['metrics-port', 'metrics-bind-address', 'metricsBindAddress'],
  ] as const;
  for (const [name, successor, field] of ports) {
    const port = given.get(name);
    if (typeof port !== 'number') continue;
    warnings.push(`--${name} is deprecated, use --${successor}`);
    config[field] = port === 0 ? '' : withDefaultPort(config[field], port);
  }
}

/** What is only to be written down ignores the port flags, as in kube-proxy. */
function completeFlagPorts(draft: Draft, flags: ParsedFlags): void {
  if (text(flags, 'write-config-to') === '') applyPortFlags(draft, flags);
  completePorts(draft.config);
}

function fromFile(path: string, around: Surroundings): Draft | string[] {
  const content = read(path, around);
  if (typeof content !== 'string') return [content.error];
  const decoded = decodeConfiguration(content);
  if (decoded.errors.length > 0) return decoded.errors.map((line) => `${path}: ${line}`);
  const strictProblems = decoded.strictProblems.map((line) => `${path}: ${line}`);
  const warnings = strictProblems.map((line) => `${line} (ignored; the rest of the file counts)`);
  return { config: decoded.config, text: content, strictProblems, warnings };
}

function read(path: string, around: Surroundings): string | { error: string } {
  try {
    return around.readFile(path);
  } catch (error) {
    return { error: `--config: cannot read ${path}: ${messageOf(error)}` };
  }
}

/** With a file, only flags that say so count; the others are ignored, and the log says which. */
function overrideFile({ config, warnings }: Draft, { given }: ParsedFlags): void {
  const ignored: string[] = [];
  for (const flag of FLAGS) {
    const value = given.get(flag.name);
    if (value === undefined || (flag.name === 'hostname-override' && value === '')) continue;
    if (flag.name === 'vmodule') config.logging.vmodule.unshift(...(value as unknown as VmoduleItem[]));
    else if (flag.winsOverFile && flag.field !== undefined) setField(config, flag.field, value);
    else if (flag.field !== undefined || flag.deprecated !== undefined) ignored.push(`--${flag.name}`);
  }
  if (ignored.length > 0) warnings.push(`ignored because of --config: ${ignored.join(', ')}`);
}

/** `FieldValue` as a flag of this kind shows it in /flagz and in the log: as its default is written. */
export function showFlagValue(kind: FlagKind, value: FieldValue): string {
  if (kind === 'duration' && typeof value === 'number') return formatDuration(value);
  if (Array.isArray(value)) {
    const isModule = (item: unknown): item is VmoduleItem => typeof item === 'object' && item !== null;
    return value
      .map((item) => (isModule(item) ? `${item.filePattern}=${item.verbosity}` : String(item)))
      .join(',');
  }
  if (typeof value !== 'object') return String(value);
  return Object.entries(value)
    .map(([name, enabled]) => `${name}=${enabled}`)
    .join(',');
}
