import type { ScenarioBackend, ScenarioInstance, ScenarioSetup } from '@signalbox/core/testing';
import { CANARY, type TableName, TABLES } from '@signalbox/iptables';
import {
  type Chance,
  createFakeIptables,
  type FakeIptables,
  type RecentLists,
  type Ruleset,
  tracePacket,
  type World,
} from '@signalbox/iptables/testing';
import { isOwnChain } from '../compile/names.ts';
import { createIptablesBackend } from '../sync/iptables-backend.ts';
import type { IptablesOptions } from '../options.ts';

const GOLDEN = 'iptables.restore';

/** Runs the scenarios on a fake iptables (nft variant). Golden `iptables.restore`: the owned chains. */
export const iptablesScenarioBackend: ScenarioBackend = {
  mode: 'iptables',
  goldens: [GOLDEN],
  create: createInstance,
};

function createInstance({ family, host, faults, options }: ScenarioSetup): ScenarioInstance {
  const fake = createFakeIptables({ family, faults });
  const recent: RecentLists = new Map();
  const world = (remember: World['remember']): World => ({
    addresses: host.addresses,
    // All results that are possible for some client, whatever connected before: only connections put clients on lists.
    recent: remember ? recent : new Map(),
    now: () => 0,
    remember,
  });
  const trace = (chance: Chance, remember: World['remember']) => ({
    rules: (table: TableName) => rulesOf(fake, table),
    world: world(remember),
    chance,
  });
  return {
    backend: createIptablesBackend({ family, driver: fake.driver, ...backendOptions(options) }),
    golden: () => ({ [GOLDEN]: goldenText(fake) }),
    trace: (packet) => tracePacket(trace('both', false), packet),
    connect: (packet, random) => tracePacket(trace(random, true), packet),
  };
}

/** The `backend.iptables` mapping of a scenario. */
export function backendOptions(options: Readonly<Record<string, unknown>>): Partial<IptablesOptions> {
  const { masqueradeBit, randomFully, conntrackLiberal } = options;
  return {
    ...(typeof masqueradeBit === 'number' ? { masqueradeBit } : {}),
    ...(typeof randomFully === 'boolean' ? { randomFully } : {}),
    ...(typeof conntrackLiberal === 'boolean' ? { conntrackLiberal } : {}),
  };
}

/** The rules of one table of the fake, for `tracePacket`. */
export function rulesOf(fake: FakeIptables, table: TableName): Ruleset {
  return {
    chain: (name) =>
      fake.kernel
        .table(table)
        .get(name)
        ?.map(({ rule }) => rule),
  };
}

/** Owned chains, sorted by name: independent of previous changes. */
export function goldenText(fake: FakeIptables): string {
  const sections = TABLES.map((table) => tableText(fake, table)).filter((text) => text !== '');
  return sections.join('');
}

function tableText(fake: FakeIptables, table: TableName): string {
  const chains = [...fake.kernel.table(table)]
    .filter(([name]) => isOwnChain(table, name) && name !== CANARY)
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  if (chains.length === 0) return '';
  const declared = chains.map(([name]) => `:${name} - [0:0]\n`).join('');
  const rules = chains.flatMap(([name, held]) =>
    held.map(({ text }) => `-A ${name} ${text}`.trimEnd() + '\n'),
  );
  return `*${table}\n${declared}${rules.join('')}COMMIT\n`;
}
