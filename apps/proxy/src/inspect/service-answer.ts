import {
  diagnose,
  type Backend,
  type Family,
  type KernelService,
  type ServiceDescription,
  type ServicePortKey,
} from '@signalbox/core';
import type { FailureAnswer, KernelAnswer, ServiceAnswer, ServiceSummary } from './answers.ts';
import { errorAnswer } from './sync-history.ts';

/** One family's kernel; null if the mode cannot inspect it. */
export async function inspectKernel(
  backend: Backend,
  keys: readonly ServicePortKey[],
): Promise<KernelAnswer | null> {
  const { family, mode } = backend;
  const inspection = await backend.inspect?.(keys);
  if (inspection === undefined) return null;
  return inspection.outcome === 'ok'
    ? { family, mode, servicePorts: Object.fromEntries(inspection.servicePorts), error: null }
    : { family, mode, servicePorts: null, error: errorAnswer(inspection.error) };
}

/** All families in one. */
function mergeKernel(kernel: readonly KernelAnswer[]): ReadonlyMap<ServicePortKey, KernelService> {
  const merged = new Map<ServicePortKey, KernelService>();
  for (const [key, held] of kernel.flatMap(({ servicePorts }) => Object.entries(servicePorts ?? {}))) {
    const known = merged.get(key) ?? { objects: [], endpoints: [] };
    merged.set(key, {
      objects: [...known.objects, ...held.objects],
      endpoints: [...known.endpoints, ...held.endpoints],
    });
  }
  return merged;
}

export interface KernelFacts {
  readonly failures: readonly FailureAnswer[] | null;
  readonly kernel: readonly KernelAnswer[] | null;
}

const NOTHING_KNOWN: KernelFacts = { failures: null, kernel: null };

/** An object can be missing in one family only. */
function holdsAll(kernel: readonly KernelAnswer[]): boolean {
  return [...mergeKernel(kernel).values()].every(({ objects }) =>
    objects.every(({ state }) => state === 'held'),
  );
}

export function serviceAnswer(
  description: ServiceDescription,
  { failures, kernel }: KernelFacts = NOTHING_KNOWN,
): ServiceAnswer {
  const keys = new Set(description.ports.map(({ key }) => key));
  const own = failures?.filter(({ key }) => keys.has(key)) ?? null;
  const findings = {
    failures: (own ?? []).map(({ key, ...error }) => ({
      key,
      error: { ...error, kernel: 'unknown' as const },
    })),
    ...(kernel === null ? {} : { servicePorts: mergeKernel(kernel) }),
  };
  return {
    description,
    diagnosis: diagnose(description, findings),
    served: description.served && (own ?? []).length === 0 && (kernel === null || holdsAll(kernel)),
    failures: own,
    kernel,
  };
}

export function serviceSummary(
  description: ServiceDescription,
  failures: readonly FailureAnswer[],
): ServiceSummary {
  const { namespace, name, type, ports } = description;
  const { served, diagnosis } = serviceAnswer(description, { failures, kernel: null });
  const endpoints = ports.flatMap((port) => port.endpoints);
  const used = endpoints.filter(({ use }) => use !== 'none');
  const frontends = ports.flatMap((port) => port.frontends);
  const clusterIPs = frontends.flatMap(({ kind, address }) => (kind === 'cluster-ip' ? (address ?? []) : []));
  return {
    namespace,
    name,
    type,
    served,
    diagnosis,
    clusterIPs: [...new Set(clusterIPs)],
    endpoints: { used: addressCount(used), total: addressCount(endpoints) },
  };
}

function addressCount(endpoints: readonly { readonly address: string }[]): number {
  return new Set(endpoints.map(({ address }) => address)).size;
}

/** Of the families in which the description has ports. */
export function familiesOf({ ports }: ServiceDescription): ReadonlySet<Family> {
  return new Set(ports.map(({ family }) => family));
}
