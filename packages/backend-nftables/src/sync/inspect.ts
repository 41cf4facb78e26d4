/** The table's objects of single service ports, with the connections that they counted. Reads only. */
import { inTurns, objectStates, selectServices, sumCounts } from '@signalbox/backend-kit';
import type { EndpointCount, Inspection, KernelObject, KernelService, ServicePortKey } from '@signalbox/core';
import type { CompiledService } from '../compile/service-dispatch.ts';
import { tally } from '../diff/assign-slots.ts';
import type { DesiredObjects } from '../diff/desired-objects.ts';
import type { CountedElement, NftablesDriver } from '../driver/nftables-driver.ts';
import { elementId, groupId, isEndpointMap, type SlotGroup } from '../objects/ruleset.ts';
import type { BackendState } from './backend-state.ts';
import { observe } from './observe.ts';

export async function inspect(
  driver: NftablesDriver,
  state: BackendState,
  keys: readonly ServicePortKey[] | null,
): Promise<Inspection> {
  const { desired } = state;
  if (desired === null || desired.node === null) return { outcome: 'ok', servicePorts: new Map() };
  const observed = await observe(driver, state);
  if (observed.outcome === 'failed') return observed;
  const compiled = await compileAll(desired, keys);
  const counted = await readGroups(driver, desired, compiled);
  if (!counted.ok) return { outcome: 'failed', error: counted.error };
  const holds = (id: string) => desired.elements.has(id) || desired.chains.has(id) || desired.sets.has(id);
  const context: Context = {
    stateOf: objectStates(observed.drift),
    counted: counted.value,
    isDesired: holds,
  };
  const services = new Map<ServicePortKey, KernelService>();
  await inTurns(compiled, ([key, each]) => void services.set(key, kernelService(each, context)));
  return { outcome: 'ok', servicePorts: services };
}

type Compiled = ReadonlyMap<ServicePortKey, CompiledService>;

async function compileAll(
  desired: DesiredObjects,
  keys: readonly ServicePortKey[] | null,
): Promise<Compiled> {
  const compiled = new Map<ServicePortKey, CompiledService>();
  await inTurns(selectServices(desired.servicePorts, keys), ([key, service]) => {
    const each = desired.compile(service);
    if (each !== null) compiled.set(key, each);
  });
  return compiled;
}

/** Endpoint maps of the frontends of these services, by group. */
type CountedGroups = ReadonlyMap<string, readonly CountedElement[]>;

async function readGroups(driver: NftablesDriver, desired: DesiredObjects, compiled: Compiled) {
  const groups = new Map<string, CountedElement[]>();
  for (const each of compiled.values()) for (const group of each.groups) groups.set(groupId(group), []);
  const maps = desired.staticSets().filter(({ name }) => isEndpointMap(name));
  const groupOf = (set: string, key: string) =>
    groups.get(elementId(set, key.slice(0, key.lastIndexOf(' . '))));
  const counted = await driver.readCounters(maps, (set, key) => groupOf(set, key) !== undefined);
  if (!counted.ok) return counted;
  for (const element of counted.value) groupOf(element.set, element.key)?.push(element);
  return { ok: true, value: groups as CountedGroups } as const;
}

interface Context {
  readonly stateOf: ReturnType<typeof objectStates>;
  readonly counted: CountedGroups;
  /** `false`: refused by the kernel, and left out. */
  readonly isDesired: (id: string) => boolean;
}

function kernelService({ elements, groups, chains, sets }: CompiledService, context: Context): KernelService {
  const state = (object: Omit<KernelObject, 'state'>, id: string): KernelObject =>
    context.isDesired(id) ? context.stateOf(object) : { ...object, state: 'missing' };
  const byGroup = groups.map((group) => ({ group, held: context.counted.get(groupId(group)) ?? [] }));
  return {
    objects: [
      ...elements.map(({ set, key }) =>
        state({ type: 'element', name: key, within: set }, elementId(set, key)),
      ),
      ...byGroup.flatMap(({ group, held }) => slotObjects(group, held)),
      ...chains.map(({ name }) => state({ type: 'chain', name }, name)),
      ...sets.map(({ name }) => state({ type: 'set', name }, name)),
    ],
    endpoints: sumCounts(byGroup.flatMap(({ group, held }) => counts(group, held))),
  };
}

/** Named by a slot that holds the endpoint; one that is not in as many slots as it should be by its address. */
function slotObjects({ map, frontend, endpoints }: SlotGroup, held: readonly CountedElement[]) {
  const slots = new Map(held.map(({ key, data }) => [data, key]));
  const lacking = tally(endpoints);
  for (const { data } of held) lacking.set(data, (lacking.get(data) ?? 0) - 1);
  return [...new Set(endpoints)].map((endpoint): KernelObject => {
    const name = slots.get(endpoint);
    return name === undefined || (lacking.get(endpoint) ?? 0) > 0
      ? { type: 'element', name: `${frontend} : ${endpoint}`, within: map, state: 'missing' }
      : { type: 'element', name, within: map, state: 'held' };
  });
}

function counts({ endpoints }: SlotGroup, held: readonly CountedElement[]): readonly EndpointCount[] {
  const own = new Set(endpoints);
  return held.flatMap(({ data, packets }) => {
    const [address = '', port = ''] = data.split(' . ');
    if (packets === null || !own.has(data)) return [];
    return [{ address, port: Number(port), connections: packets }];
  });
}
