/**
 * Warns about Services that specify, by annotations, what the proxy mode does not support: once for each Service and
 * annotation, in the log and as an Event, however many ports and families the Service has.
 */
import {
  balancingSupport,
  isUnsupported,
  sameValue,
  serviceOf,
  unsupportedFeatures,
  type Backend,
  type DesiredChange,
  type DesiredServicePort,
  type Family,
  type ModeSupport,
  type ServicePortKey,
  type ServiceSupport,
  type UnsupportedFeature,
} from '@signalbox/core';
import type { Events } from '../compose/composition.ts';
import type { Logger } from '../logging/logger.ts';
import { warnService } from './service-warning.ts';

export interface UnsupportedReporterOptions {
  readonly logger: Logger;
  readonly events: Events;
  /** Of the proxy mode. */
  readonly ignoresSourceRanges: boolean;
}

/** One for all families of a mode. */
export interface UnsupportedReporter {
  /** Each change, in order. */
  readonly note: (change: DesiredChange) => void;
  /** After each sync that did not fail as a whole: what the backend supports may depend on the kernel. */
  readonly synced: (backend: Pick<Backend, 'balancing' | 'family' | 'mode'>) => void;
}

/** Of one family. */
interface FamilyFindings {
  /** Service ports that specify something that the mode may not support. */
  readonly ports: Map<ServicePortKey, DesiredServicePort>;
  /** Those of them that changed since the last check, and those that no longer specify it. */
  readonly unchecked: Set<ServicePortKey>;
  /** What the last check found, by the texts that identify it. */
  readonly found: Map<ServicePortKey, readonly string[]>;
  /** With which it was found. */
  support: ServiceSupport | null;
}

export function createUnsupportedReporter(options: UnsupportedReporterOptions): UnsupportedReporter {
  const { ignoresSourceRanges } = options;
  /** What every backend of the mode supports at least. */
  const least: ServiceSupport = { ...balancingSupport(null), ignoresSourceRanges };
  const families = new Map<Family, FamilyFindings>();
  /** What was reported, and for how many service ports of all families it holds. */
  const reported = new Map<string, number>();
  const begin = (finding: Finding): void => {
    const count = reported.get(finding.text) ?? 0;
    if (count === 0) report(options, finding);
    reported.set(finding.text, count + 1);
  };
  const end = (text: string): void => {
    const count = reported.get(text) ?? 0;
    if (count > 1) reported.set(text, count - 1);
    else reported.delete(text);
  };
  return {
    note: (change) => {
      const { family } = change;
      const state = families.get(family) ?? newFamily();
      families.set(family, state);
      noteChange(state, change, least);
    },
    synced: (backend) => {
      const state = families.get(backend.family);
      if (state === undefined || state.unchecked.size === 0) return;
      const support = { ...balancingSupport(backend), ignoresSourceRanges };
      const { begun, ended } = check(state, { mode: backend.mode, support });
      // In this order: what moves from one service port to another is not reported again.
      begun.forEach(begin);
      ended.forEach(end);
    },
  };
}

function newFamily(): FamilyFindings {
  return { ports: new Map(), unchecked: new Set(), found: new Map(), support: null };
}

function noteChange(
  { ports, unchecked }: FamilyFindings,
  { kind, servicePorts: { added, changed, removed } }: DesiredChange,
  least: ServiceSupport,
): void {
  const former = kind === 'full' ? [...ports.values()] : [...removed, ...changed.map(({ before }) => before)];
  for (const { key } of former) if (ports.delete(key)) unchecked.add(key);
  for (const port of [...added, ...changed.map(({ after }) => after)]) {
    if (!isUnsupported(port, least)) continue;
    ports.set(port.key, port);
    unchecked.add(port.key);
  }
}

interface Finding extends UnsupportedFeature {
  readonly service: string;
  readonly text: string;
}

/** Of the service ports that changed, or of all if the support changed. */
function check(
  state: FamilyFindings,
  mode: ModeSupport,
): { readonly begun: readonly Finding[]; readonly ended: readonly string[] } {
  const { ports, unchecked, found } = state;
  if (!sameValue(state.support, mode.support)) for (const key of ports.keys()) unchecked.add(key);
  state.support = mode.support;
  const begun: Finding[] = [];
  const ended: string[] = [];
  for (const key of unchecked) {
    const findings = findingsOf(ports.get(key), mode);
    begun.push(...findings);
    ended.push(...(found.get(key) ?? []));
    const texts = findings.map(({ text }) => text);
    if (texts.length > 0) found.set(key, texts);
    else found.delete(key);
  }
  unchecked.clear();
  return { begun, ended };
}

function findingsOf(port: DesiredServicePort | undefined, mode: ModeSupport): readonly Finding[] {
  if (port === undefined) return [];
  const service = serviceOf(port.key);
  return unsupportedFeatures(port, mode).map((feature) => ({
    ...feature,
    service,
    text: `${service} ${feature.message}`,
  }));
}

function report({ logger, events }: UnsupportedReporterOptions, { service, message, reason }: Finding): void {
  logger.warning(`Service ${service}: ${message}`);
  warnService(events, { service, reason, note: message });
}
