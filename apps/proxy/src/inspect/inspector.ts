/**
 * The state of the running proxy, for the debug routes and the page: read for a request, never during a sync. Every method only
 * reads; data that the mode or the kernel does not provide is null.
 */
import { inTurns } from '@signalbox/backend-kit';
import {
  balancingSupport,
  describeService,
  objectKey,
  type Backend,
  type Family,
  type ServiceDescription,
} from '@signalbox/core';
import { explainQuestion, type ExplainAnswer } from '../commands/explain-question.ts';
import { loopbackNodePortAddresses } from '../node/loopback-node-ports.ts';
import { interfaceAddresses } from '../node/prepare-node.ts';
import type { Parts } from '../parts.ts';
import type {
  DifferenceAnswer,
  FailureAnswer,
  KernelAnswer,
  ServiceAnswer,
  ServiceSummary,
  StatusAnswer,
  SyncAnswer,
} from './answers.ts';
import { refusedBy } from './refused-by.ts';
import { keepBriefly } from './keep-briefly.ts';
import { familiesOf, inspectKernel, serviceAnswer, serviceSummary } from './service-answer.ts';
import { singleFlight } from './single-flight.ts';
import { statusAnswer, type StatusSources } from './status.ts';
import { errorAnswer } from './sync-history.ts';

export interface Inspector {
  /** Sorted by namespace and name; as they were at most 2 s before, and not before the last sync. */
  services(): Promise<readonly ServiceSummary[]>;
  /** `description.found` is false if there is no such Service. */
  service(namespace: string, name: string): Promise<ServiceAnswer>;
  /** The answer, or the error in the question, in one line. */
  explain(from: string, to: string): ExplainAnswer | string;
  difference(): Promise<DifferenceAnswer>;
  /** Oldest first. */
  syncs(): readonly SyncAnswer[];
  status(): StatusAnswer;
}

type FailuresOf = (description: ServiceDescription) => readonly FailureAnswer[];

/** Its ports that were refused, and all of them in a family whose last sync failed as a whole: it programmed none of them. */
function failuresByService(parts: Parts): FailuresOf {
  const { families, syncs } = parts;
  const refused = new Map<string, FailureAnswer[]>();
  for (const failure of families.flatMap((family) => refusedBy(parts, family))) {
    const id = portId(failure);
    refused.set(id, [...(refused.get(id) ?? []), failure]);
  }
  const errors = new Map(families.map((family) => [family, syncs.last(family)?.error ?? null]));
  return ({ ports }) => {
    const failed = ports.flatMap(({ family, key }) => {
      const error = errors.get(family) ?? null;
      return error === null ? [] : [{ family, key, ...error }];
    });
    return [...failed, ...ports.flatMap((port) => refused.get(portId(port)) ?? [])];
  };
}

function portId({ family, key }: Pick<FailureAnswer, 'family' | 'key'>): string {
  return `${family} ${key}`;
}

async function summaries(parts: Parts): Promise<ServiceSummary[]> {
  const { model, families, running } = parts;
  const failuresOf = failuresByService(parts);
  const found: ServiceSummary[] = [];
  await inTurns([...model.services()].sort(), (key) => {
    const description = describeService(model.tracked(key), families, running.settings.mode);
    if (description.found) found.push(serviceSummary(description, failuresOf(description)));
  });
  return found;
}

async function describeOne(parts: Parts, namespace: string, name: string): Promise<ServiceAnswer> {
  const { model, families, running } = parts;
  const [backend] = running.backends.values();
  const description = describeService(model.tracked(objectKey(namespace, name)), families, {
    ...running.settings.mode,
    ...(backend === undefined ? {} : { support: balancingSupport(backend) }),
  });
  const keys = [...new Set(description.ports.map(({ key }) => key))];
  const kernel: KernelAnswer[] = [];
  for (const family of familiesOf(description)) {
    const backend = running.backends.get(family);
    const answer = backend === undefined ? null : await inspectKernel(backend, keys);
    if (answer !== null) kernel.push(answer);
  }
  return serviceAnswer(description, {
    failures: failuresByService(parts)(description),
    kernel: kernel.length === 0 ? null : kernel,
  });
}

function explainOne(
  { model, running, settings, current }: Parts,
  { from, to }: { readonly from: string; readonly to: string },
): ExplainAnswer | string {
  const { mode } = running.settings;
  const world = {
    model,
    nodeName: settings.nodeName,
    mode,
    pods: null,
    interfaceAddresses: interfaceAddresses().map(({ address }) => address),
    loopbackNodePorts: loopbackNodePortAddresses({ config: current.config, mode }),
  };
  return explainQuestion(world, from, to);
}

type FamilyDifference = DifferenceAnswer['families'][number];

async function familyDifference(family: Family, backend: Backend): Promise<FamilyDifference> {
  const { mode } = backend;
  const difference = await backend.difference?.();
  if (difference === undefined) return { family, mode, lines: null, error: null };
  return difference.outcome === 'ok'
    ? { family, mode, lines: difference.lines, error: null }
    : { family, mode, lines: null, error: errorAnswer(difference.error) };
}

async function differences({ running }: Parts): Promise<DifferenceAnswer> {
  const families: FamilyDifference[] = [];
  for (const [family, backend] of running.backends) families.push(await familyDifference(family, backend));
  return { families };
}

export function createInspector(sources: StatusSources): Inspector {
  const { parts } = sources;
  // Simultaneous requests share one read of the kernel.
  const flights = singleFlight();
  const { clock } = parts.composition;
  const services = keepBriefly({ clock, version: () => parts.syncs.added() }, () => summaries(parts));
  return {
    services: () => flights('services', services),
    service: (namespace, name) =>
      flights(`service ${namespace}/${name}`, () => describeOne(parts, namespace, name)),
    explain: (from, to) => explainOne(parts, { from, to }),
    difference: () => flights('difference', () => differences(parts)),
    syncs: () => parts.syncs.syncs(),
    status: () => statusAnswer(sources),
  };
}
