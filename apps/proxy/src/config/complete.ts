import { fail, isNodeName, succeed, type Result } from '@signalbox/core';
import type { ParsedFlags } from '../flags/parse.ts';
import { FLAGS } from '../flags/flags.ts';
import { standalone } from '../flags/standalone.ts';
import { decodeConfiguration } from './decode.ts';
import {
  applyAddressDefaults,
  applyModeDefaults,
  clearUnusedPeriods,
  completePorts,
  normalizeFields,
} from './defaults.ts';
import { unknownFeatureGates } from './feature-gates.ts';
import { fieldAt, initialConfiguration, setField, SYNC_SECTIONS } from './fields.ts';
import { MAX_PORT, NO_SERVER, withDefaultPort } from './ip.ts';
import { describeProblem, invalidArgument, messageOf, type Origin } from './problem.ts';
import type { Settings } from './settings.ts';
import { tracingErrors, tracingSettings } from './tracing.ts';
import type { FieldPath } from './types.ts';
import { validateConfiguration } from './validate.ts';
import { chooseMode, type ModeChoice } from '../modes/choose-mode.ts';
import type { ProxyMode } from '../modes/proxy-mode.ts';

/** What is read from the machine; an argument, so that tests can set it. */
export interface Surroundings extends ModeChoice {
  readonly hostName: string;
  /** Throws as `readFileSync` does. */
  readonly readFile: (path: string) => string;
  /** Flags that replace a field of the file, besides those that do in kube-proxy; for commands that only read. */
  readonly flagsOverFile?: ReadonlySet<string>;
}

interface Draft extends Origin {
  /** Flags that set fields, as they were typed. */
  readonly flags: Map<FieldPath, string>;
  /** The file as it was read; empty without. */
  readonly text: string;
  readonly strictProblems: readonly string[];
  readonly warnings: string[];
  /** Problems that are not of a field; one line each. */
  readonly errors: string[];
}

/** Flags and file, by kube-proxy's precedence, completed with defaults and validated. Errors are one line each. */
export function completeSettings(
  flags: ParsedFlags,
  around: Surroundings,
): Result<Settings, readonly string[]> {
  const configFile = standalone(flags.given, 'config') ?? '';
  const draft = configFile === '' ? fromFlags(flags, around) : fromFile(configFile, flags, around);
  if (draft.errors.length > 0) return fail(draft.errors);
  const { config, warnings } = draft;
  completePorts(config);
  const defaultedMode = config.mode === '';
  const mode = chooseMode(around, config);
  applyModeDefaults(config, mode, around.platform);
  clearUnusedPeriods(config, mode.configuration);
  const errors = [...validateConfiguration(draft, around)];
  const nodeName = nameOfNode(draft, around);
  // A clean-up asks no API server for the Node.
  const isCleanup = standalone(flags.given, 'cleanup') === true;
  if (!isCleanup && !isNodeName(nodeName)) {
    const problem = nodeName === '' ? 'is empty' : `${JSON.stringify(nodeName)} is not a host name`;
    const reason = `the node name ${problem}: set it to the name of the Node object`;
    errors.push(describeProblem(draft, 'hostnameOverride', reason));
  }
  const maxSeries = standalone(flags.given, 'service-metrics-max-series') ?? MOST_SERIES;
  if (maxSeries < 1) errors.push(`--service-metrics-max-series: ${maxSeries} must be at least 1`);
  errors.push(...tracingErrors(flags));
  if (errors.length > 0) return fail(errors);
  config.hostnameOverride = config.hostnameOverride.trim().toLowerCase();
  normalizeFields(config);
  const unknown = unknownFeatureGates(config.featureGates);
  if (unknown.length > 0) warnings.push(`unrecognized feature gates, ignored: ${unknown.join(', ')}`);
  return succeed({ ...settings(draft, flags), configFile, nodeName, mode, defaultedMode });
}

const MOST_SERIES = 10_000;

function serviceMetrics(given: ParsedFlags['given']): number | null {
  if (standalone(given, 'service-metrics') !== true) return null;
  return standalone(given, 'service-metrics-max-series') ?? MOST_SERIES;
}

function nameOfNode({ config: { hostnameOverride } }: Draft, { hostName }: Surroundings): string {
  return (hostnameOverride === '' ? hostName : hostnameOverride).trim().toLowerCase();
}

function settings(
  { config, text, strictProblems, warnings }: Draft,
  { given }: ParsedFlags,
): Omit<Settings, 'mode' | 'defaultedMode' | 'configFile' | 'nodeName'> {
  return {
    config,
    configText: text,
    writeConfigTo: standalone(given, 'write-config-to') ?? '',
    cleanup: standalone(given, 'cleanup') ?? false,
    initOnly: standalone(given, 'init-only') ?? false,
    master: standalone(given, 'master') ?? '',
    manifests: standalone(given, 'manifests') ?? '',
    strict: standalone(given, 'strict') ?? false,
    serviceMetrics: serviceMetrics(given),
    tracing: tracingSettings({ given }),
    version: standalone(given, 'version') || 'false',
    strictProblems,
    warnings,
    given,
  };
}

/** Without a file: defaults, and every flag that was given. */
function fromFlags(parsed: ParsedFlags, choice: ModeChoice): Draft {
  const draft: Draft = {
    config: initialConfiguration('flags'),
    file: null,
    flags: new Map(),
    text: '',
    strictProblems: [],
    warnings: [],
    errors: [],
  };
  for (const { name, kind, field } of FLAGS) {
    // An empty address changes nothing: it cannot switch a server off.
    const isEmptyAddress = (kind === 'ip' || kind === 'address') && parsed.given.get(name) === '';
    if (field !== undefined && !isEmptyAddress) setByFlag(draft, parsed, { field, name });
  }
  draft.config.nftables.masqueradeAll = draft.config.iptables.masqueradeAll;
  applyPeriodFlags(draft, parsed, chooseMode(choice, draft.config));
  applyPortFlags(draft, parsed);
  return draft;
}

function setByFlag(
  { config, flags }: Draft,
  { given, typed }: ParsedFlags,
  { field, name }: { readonly field: FieldPath; readonly name: string },
): void {
  const value = given.get(name);
  if (value === undefined) return;
  setField(config, field, value);
  flags.set(field, typed.get(name) ?? `--${name}`);
}

/** Flags of sync periods count only if they belong to the mode, and set its section. */
function applyPeriodFlags(draft: Draft, parsed: ParsedFlags, { name: mode, configuration }: ProxyMode): void {
  const { periods, periodFlags } = configuration;
  for (const section of SYNC_SECTIONS) {
    for (const period of ['syncPeriod', 'minSyncPeriod'] as const) {
      const name = fieldAt(`${section}.${period}`)?.flag;
      if (name === undefined || !parsed.given.has(name)) continue;
      const field = `${periods}.${period}` as const;
      if (section !== periodFlags) draft.warnings.push(`--${name} has no effect in mode ${mode}`);
      else if (section !== periods) draft.warnings.push(`--${name} sets ${field}: the mode is ${mode}`);
      if (section === periodFlags) setByFlag(draft, parsed, { field, name });
    }
  }
}

/**
 * `--healthz-port` and `--metrics-port`, deprecated: 0 empties the address, another port completes an address
 * given without one. The default address has its port, and keeps it. What is only to be written down ignores them, as in
 * kube-proxy.
 */
function applyPortFlags({ config, warnings, errors }: Draft, { given, typed }: ParsedFlags): void {
  if ((standalone(given, 'write-config-to') ?? '') !== '') return;
  const ports = [
    ['healthz-port', 'healthz-bind-address', 'healthzBindAddress', 0],
    ['metrics-port', 'metrics-bind-address', 'metricsBindAddress', 1],
  ] as const;
  for (const [name, successor, field, min] of ports) {
    const port = standalone(given, name);
    if (port === undefined) continue;
    warnings.push(`--${name} is deprecated, use --${successor}`);
    config[field] = port === 0 ? '' : withDefaultPort(config[field], port);
    const isUsed = port === 0 || config[field].endsWith(`:${port}`);
    if (!isUsed || (port >= min && port <= MAX_PORT)) continue;
    const reason = `must be within the range [${min}, ${MAX_PORT}]; no server: --${successor}=${NO_SERVER}`;
    errors.push(invalidArgument(typed.get(name) ?? `--${name}`, String(port), reason));
  }
}

function fromFile(path: string, parsed: ParsedFlags, around: Surroundings): Draft {
  const content = read(path, around);
  const text = typeof content === 'string' ? content : '';
  const file = decodeConfiguration(path, text);
  const { config, strictProblems } = file;
  const warnings = strictProblems.map((line) => `${line} (ignored; the rest of the file counts)`);
  const errors = typeof content === 'string' ? [...file.errors] : [content.error];
  const draft: Draft = { config, file, flags: new Map(), text, strictProblems, warnings, errors };
  overrideFile(draft, parsed, around.flagsOverFile);
  applyAddressDefaults(config);
  return draft;
}

function read(path: string, around: Surroundings): string | { error: string } {
  try {
    return around.readFile(path);
  } catch (error) {
    return { error: `--config: cannot read ${path}: ${messageOf(error)}` };
  }
}

/** With a file, only flags marked `winsOverFile` count; the others are ignored, and a warning lists them. */
function overrideFile(draft: Draft, parsed: ParsedFlags, also?: ReadonlySet<string>): void {
  const ignored: string[] = [];
  const { vmodule } = draft.config.logging;
  for (const { name, field, winsOverFile, deprecated } of FLAGS) {
    const value = parsed.given.get(name);
    if (value === undefined || (field === 'hostnameOverride' && value === '')) continue;
    const wins = winsOverFile === true || also?.has(name) === true;
    if (wins && field !== undefined) setByFlag(draft, parsed, { field, name });
    else if (field !== undefined || deprecated !== undefined) ignored.push(`--${name}`);
    if (field === 'logging.vmodule')
      draft.config.logging.vmodule = [...draft.config.logging.vmodule, ...vmodule];
  }
  if (ignored.length > 0) draft.warnings.push(`ignored because of --config: ${ignored.join(', ')}`);
}
