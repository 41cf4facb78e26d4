/** Chains and rules of single service ports, with the packets that their rules counted. Reads only. */
import { inTurns, objectStates, selectServices, sumCounts } from '@signalbox/backend-kit';
import type {
  DesiredServicePort,
  Drift,
  EndpointCount,
  Inspection,
  KernelObject,
  KernelService,
  ServicePortKey,
} from '@signalbox/core';
import { encodeRule, includesRule, type IptablesDriver, parseRule, readSaveLines } from '@signalbox/iptables';
import type { ServicePlaces } from '../compile/rule-compiler.ts';
import type { State } from './backend-state.ts';
import { observeDrift } from './observe-drift.ts';

export async function inspect(
  driver: IptablesDriver,
  state: State,
  keys: readonly ServicePortKey[] | null,
): Promise<Inspection> {
  const compiler = state.compiler?.copy() ?? null;
  if (compiler === null || state.compiler === null) return { outcome: 'ok', servicePorts: new Map() };
  const { compiler: live } = state;
  const services = selectServices(compiler.services, keys);
  // The trees of a copy have no chains before `all`.
  const places = await placesOf((service) => live.placesOf(service), services);
  const reading = readRules(places.values());
  const observed = await observeDrift(withCounters(driver, reading), state, compiler);
  if (observed.outcome === 'failed') return observed;
  const look: Look = {
    driver,
    reading,
    drift: observed.drift,
    isRefused: (key) => state.refused.all.has(key),
  };
  return { outcome: 'ok', servicePorts: await kernelServices(places, look) };
}

type Places = ReadonlyMap<ServicePortKey, ServicePlaces>;

async function placesOf(
  of: (service: DesiredServicePort) => ServicePlaces,
  services: ReadonlyMap<ServicePortKey, DesiredServicePort>,
): Promise<Places> {
  const places = new Map<ServicePortKey, ServicePlaces>();
  await inTurns(services, ([key, service]) => void places.set(key, of(service)));
  return places;
}

interface Reading {
  readonly take: (line: string) => void;
  /** A listing begins: those before it do not count. */
  readonly begin: () => void;
  /** Rules of the chains that service ports share, by `placeId`. */
  readonly shared: ReadonlyMap<string, string[]>;
  /** Counts of DNAT rules in the own chains of service ports, by `placeId`. */
  readonly counted: ReadonlyMap<string, EndpointCount[]>;
}

/** `nat KUBE-SERVICES`. */
function placeId(table: string, chain: string): string {
  return `${table} ${chain}`;
}

function readRules(places: Iterable<ServicePlaces>): Reading {
  const shared = new Map<string, string[]>();
  const counted = new Map<string, EndpointCount[]>();
  for (const { chains, dispatch } of places) {
    for (const { table, name } of chains) counted.set(placeId(table, name), []);
    for (const { table, chain } of dispatch) shared.set(placeId(table, chain), []);
  }
  const take = readSaveLines({
    chain: () => undefined,
    rule(table, chain, text, packets) {
      const id = placeId(table, chain);
      shared.get(id)?.push(text);
      if (packets !== undefined) counted.get(id)?.push(...countOf(text, packets));
    },
  });
  const begin = (): void => {
    for (const each of [...shared.values(), ...counted.values()]) each.length = 0;
  };
  return { take, begin, shared, counted };
}

/** Rules of nat count the first packet of each connection. */
function countOf(text: string, packets: number): readonly EndpointCount[] {
  if (!text.includes('-j DNAT ')) return [];
  const rule = parseRule(text);
  if (rule.kind !== 'rule' || rule.target.kind !== 'dnat') return [];
  return [{ address: rule.target.address, port: rule.target.port, connections: packets }];
}

/** The same driver, whose listings are also read for counters. */
function withCounters(driver: IptablesDriver, { begin, take }: Reading): IptablesDriver {
  return {
    ...driver,
    save(onLine, timeLimit) {
      begin();
      const both = (line: string): void => {
        onLine(line);
        take(line);
      };
      return driver.save(both, timeLimit, 'counters');
    },
  };
}

interface Look {
  readonly driver: IptablesDriver;
  readonly reading: Reading;
  readonly drift: readonly Drift[];
  readonly isRefused: (key: ServicePortKey) => boolean;
}

async function kernelServices(
  places: Places,
  look: Look,
): Promise<ReadonlyMap<ServicePortKey, KernelService>> {
  const stateOf = objectStates(look.drift);
  const found = new Map<ServicePortKey, KernelService>();
  await inTurns(places, ([key, { chains, dispatch }]) => {
    const objects = [
      ...chains.map(({ table, name }) => stateOf({ type: 'chain', name, within: table })),
      ...dispatch.map((each) => ruleState(each, stateOf, look)),
    ];
    const counts = chains.flatMap(({ table, name }) => look.reading.counted.get(placeId(table, name)) ?? []);
    found.set(key, {
      objects: look.isRefused(key) ? objects.map(asMissing) : objects,
      endpoints: sumCounts(counts),
    });
  });
  return found;
}

function ruleState(
  { table, chain, rule }: ServicePlaces['dispatch'][number],
  stateOf: ReturnType<typeof objectStates>,
  { driver: { family }, reading }: Look,
): KernelObject {
  const name = encodeRule(rule, family);
  const place = { type: 'rule', name, within: placeId(table, chain) } as const;
  if (stateOf({ type: 'chain', name: chain, within: table }).state === 'held')
    return { ...place, state: 'held' };
  const listed = reading.shared.get(placeId(table, chain)) ?? [];
  return { ...place, state: includesRule(listed, name, family) ? 'held' : 'missing' };
}

function asMissing(object: KernelObject): KernelObject {
  return { ...object, state: 'missing' };
}
