/** What the kernel holds of single service ports, and how it differs as text. Reads only, over the inspector's sockets. */
import {
  formatDifference,
  inTurns,
  joinObjects,
  type NamedObject,
  objectStates,
  selectServices,
  sumCounts,
} from '@signalbox/backend-kit';
import {
  type BackendError,
  type Difference,
  type EndpointCount,
  fail,
  type Inspection,
  type KernelService,
  type Result,
  type ServicePortKey,
  succeed,
} from '@signalbox/core';
import type { Contribution } from './compile/service-dispatch.ts';
import { setName } from './compile/names.ts';
import { driftOf } from './diff/drift.ts';
import { createTerminatingServers } from './diff/graceful-termination.ts';
import { ownedServers, withDesired } from './diff/ownership.ts';
import { planReconciliation, type Reconciliation } from './diff/reconcile.ts';
import type { DesiredObjects } from './diff/desired-objects.ts';
import { listOperations } from './format/difference-text.ts';
import { SERVICE_DEVICE } from './objects/bound-address.ts';
import { entryText } from './objects/ip-set.ts';
import type { Observed } from './objects/kernel-state.ts';
import type { PacketFilter } from './objects/packet-filter.ts';
import { realServerKey } from './objects/real-server.ts';
import type { Settings } from './options.ts';
import { notDummyError } from './prepare.ts';
import type { VirtualServerOwnership } from './virtual-server-ownership.ts';

export interface InspectionInput {
  readonly settings: Settings;
  readonly desired: DesiredObjects;
  readonly ownership: VirtualServerOwnership;
  readonly packetFilter: PacketFilter;
}

interface Compared extends Reconciliation {
  readonly observed: Observed;
  /** A copy of what is desired, with the addresses that the host has now. */
  readonly desired: DesiredObjects;
  readonly hasRuleDrift: boolean;
}

/** `null`: before the first change. */
async function compare(input: InspectionInput): Promise<Result<Compared | null>> {
  const { family, inspector, excludeCIDRs, clock } = input.settings;
  const desired = input.desired.copy();
  if (desired === null) return succeed(null);
  const seen = await inspector.observe();
  if (!seen.ok) return seen;
  const observed = seen.value;
  if (observed.device === 'not-dummy') return fail(notDummyError());
  desired.setHostAddresses(observed.hostAddresses);
  desired.takeSteps();
  const drift = await inspector.packetFilterDrift(input.packetFilter);
  if (!drift.ok) return drift;
  const reconciliation = planReconciliation({
    family,
    desired,
    excludeCIDRs,
    observed,
    terminating: createTerminatingServers(),
    now: clock.elapsed(),
    owned: ownedIn(input, desired, observed),
    packetFilter: input.packetFilter,
    packetFilterDrift: drift.value,
  });
  return succeed({ ...reconciliation, observed, desired, hasRuleDrift: drift.value.length > 0 });
}

function ownedIn({ ownership, settings }: InspectionInput, desired: DesiredObjects, observed: Observed) {
  if (ownership.isKnown) return new Set(ownership.owned);
  return ownedServers(settings.family, withDesired(desired, observed), null, desired.nodePortAddresses);
}

export async function inspect(
  input: InspectionInput,
  keys: readonly ServicePortKey[] | null,
): Promise<Inspection> {
  const compared = await compare(input);
  if (!compared.ok) return failed(compared.error);
  const found = new Map<ServicePortKey, KernelService>();
  if (compared.value === null) return { outcome: 'ok', servicePorts: found };
  const { desired } = compared.value;
  const context = { ...compared.value, stateOf: statesIn(compared.value) };
  await inTurns(selectServices(desired.servicePorts, keys), ([key, servicePort]) => {
    const contribution = desired.contributionOf(servicePort);
    if (contribution !== null) found.set(key, kernelService(contribution, input.settings, context));
  });
  return { outcome: 'ok', servicePorts: found };
}

/** A virtual server that is not owned stands in the place of the desired one, which is missing. */
function statesIn({ plan, conflicts }: Compared): ReturnType<typeof objectStates> {
  const inTheWay = conflicts.map((name) => ({ kind: 'missing', type: 'virtual server', name }) as const);
  return objectStates([...driftOf(plan.operations()), ...inTheWay]);
}

interface Context extends Compared {
  readonly stateOf: ReturnType<typeof objectStates>;
}

function kernelService(
  { servers, entries, addresses }: Contribution,
  { family }: Settings,
  { desired, observed, stateOf }: Context,
): KernelService {
  const bound = addresses.filter((address) => !desired.isBoundElsewhere(address));
  const objects: NamedObject[] = [
    ...[...servers].flatMap(([key, { endpoints }]) => [
      { type: 'virtual server', name: key },
      ...endpoints.map((endpoint) => ({
        type: 'real server',
        name: realServerKey(endpoint),
        within: `virtual server ${key}`,
      })),
    ]),
    ...[...entries.values()].map(({ set, entry }) => ({
      type: 'entry',
      name: entryText(entry),
      within: `set ${setName(family, set)}`,
    })),
    ...bound.map((name) => ({ type: 'address', name, within: SERVICE_DEVICE })),
  ];
  return { objects: objects.map(stateOf), endpoints: sumCounts(counts(servers, observed)) };
}

function* counts(servers: Contribution['servers'], observed: Observed): Generator<EndpointCount> {
  for (const [key, { endpoints }] of servers) {
    const reals = observed.servers.get(key)?.reals;
    for (const { address, port } of endpoints) {
      const connections = reals?.get(realServerKey({ address, port }))?.connections;
      if (connections !== undefined) yield { address, port, connections };
    }
  }
}

export async function difference(input: InspectionInput): Promise<Difference> {
  const compared = await compare(input);
  if (!compared.ok) return failed(compared.error);
  if (compared.value === null) return { outcome: 'ok', lines: [] };
  const { plan, observed, hasRuleDrift } = compared.value;
  const { inspector } = input.settings;
  // Another listing of the rules, only if the first one differs.
  const rules = hasRuleDrift ? await inspector.packetFilterDifference(input.packetFilter) : succeed([]);
  if (!rules.ok) return failed(rules.error);
  const objects = joinObjects(listOperations(plan.operations(), observed));
  return { outcome: 'ok', lines: formatDifference([...objects, ...rules.value]) };
}

function failed(error: BackendError): { readonly outcome: 'failed'; readonly error: BackendError } {
  return { outcome: 'failed', error };
}
