/**
 * Warns about Services that specify, by annotations, what the proxy mode does not support: once for each Service and
 * annotation, in the log and as an Event, however many ports and families the Service has.
 */
import {
  balancingSupport,
  isUnsupported,
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

/** Service ports that specify something that the mode may not support. */
type Annotated = Map<ServicePortKey, DesiredServicePort>;

export function createUnsupportedReporter(options: UnsupportedReporterOptions): UnsupportedReporter {
  const annotated = new Map<Family, Annotated>();
  /** Families with changes since the last check. */
  const changed = new Set<Family>();
  /** What was reported, in which families it holds. */
  const reported = new Map<string, Set<Family>>();
  const { ignoresSourceRanges } = options;
  /** What every backend of the mode supports at least. */
  const least: ServiceSupport = { ...balancingSupport(null), ignoresSourceRanges };
  return {
    note: (change) => {
      const { kind, family } = change;
      const ports: Annotated = (kind === 'full' ? null : annotated.get(family)) ?? new Map();
      const hasChanged = noteChange(ports, change, least);
      annotated.set(family, ports);
      if (hasChanged || kind === 'full') changed.add(family);
    },
    synced: (backend) => {
      const { family } = backend;
      if (!changed.delete(family)) return;
      const current = findings(annotated.get(family)?.values() ?? [], {
        mode: backend.mode,
        support: { ...balancingSupport(backend), ignoresSourceRanges },
      });
      for (const [text, families] of reported) {
        if (current.has(text)) continue;
        families.delete(family);
        if (families.size === 0) reported.delete(text);
      }
      for (const [text, finding] of current) {
        const families = reported.get(text);
        if (families === undefined) report(options, finding);
        reported.set(text, (families ?? new Set()).add(family));
      }
    },
  };
}

/** Whether a service port with an annotation was or is among them. */
function noteChange(
  ports: Annotated,
  { servicePorts: { added, changed, removed } }: DesiredChange,
  least: ServiceSupport,
): boolean {
  const gone = [...removed, ...changed.map(({ before }) => before)].filter(({ key }) => ports.delete(key));
  const come = [...added, ...changed.map(({ after }) => after)].filter((port) => isUnsupported(port, least));
  for (const port of come) ports.set(port.key, port);
  return gone.length > 0 || come.length > 0;
}

interface Finding extends UnsupportedFeature {
  readonly service: string;
}

function findings(ports: Iterable<DesiredServicePort>, mode: ModeSupport): ReadonlyMap<string, Finding> {
  const found = new Map<string, Finding>();
  for (const port of ports) {
    const service = serviceOf(port.key);
    for (const feature of unsupportedFeatures(port, mode)) {
      found.set(`${service} ${feature.message}`, { service, ...feature });
    }
  }
  return found;
}

function report({ logger, events }: UnsupportedReporterOptions, { service, message, reason }: Finding): void {
  logger.warning(`Service ${service}: ${message}`);
  warnService(events, { service, reason, note: message });
}
