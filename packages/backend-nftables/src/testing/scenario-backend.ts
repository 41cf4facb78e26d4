import type { ScenarioBackend, ScenarioInstance, ScenarioSetup } from '@signalbox/core/testing';
import { PREPARED_CLASSES, pickChainName } from '../compile/load-balancing.ts';
import { formatTable } from '../format/table-text.ts';
import { type Chain, ENDPOINT_MAPS } from '../objects/ruleset.ts';
import type { MaglevSlots, NftablesOptions } from '../options.ts';
import { createNftablesBackend } from '../sync/nftables-backend.ts';
import type { Evaluation } from './evaluate-rules.ts';
import { createFakeNftables } from './fake-nftables.ts';
import { emptyTable, type FakeTable } from './fake-table.ts';
import { tracePacket } from './trace-packet.ts';

const GOLDEN = 'nftables.nft';

/** The mode in the scenarios: the backend on a fake kernel, whose rules are evaluated for each packet. */
export const nftablesScenarioBackend: ScenarioBackend = {
  mode: 'nftables',
  goldens: [GOLDEN],
  create: createInstance,
};

const NO_TABLE: FakeTable = emptyTable();

function createInstance({ family, host, faults, options }: ScenarioSetup): ScenarioInstance {
  const fake = createFakeNftables({ family, faults });
  const memory: NonNullable<Evaluation['memory']> = new Map();
  const evaluation = (chance: Evaluation['chance'], remembered: Evaluation['memory']): Evaluation => ({
    table: fake.table ?? NO_TABLE,
    addresses: host.addresses,
    chance,
    memory: remembered,
  });
  return {
    backend: createNftablesBackend({ family, driver: fake.driver, ...backendOptions(options) }),
    golden: () => ({ [GOLDEN]: fake.table === null ? '' : goldenText(fake.table, family) }),
    trace: (packet) => tracePacket(evaluation('all', null), packet),
    connect: (packet, random) => tracePacket(evaluation(random, memory), packet),
  };
}

/** The `backend.nftables` mapping of a scenario. */
export function backendOptions(options: Readonly<Record<string, unknown>>): Partial<NftablesOptions> {
  const { masqueradeBit, maglevSlots } = options;
  return {
    ...(typeof masqueradeBit === 'number' ? { masqueradeBit } : {}),
    ...(typeof maglevSlots === 'number' ? { maglevSlots: maglevSlots as MaglevSlots } : {}),
  };
}

/** Chains for classes that are there from the start and that no service of the scenario uses say nothing about it. */
const PREPARED = new Set(
  ENDPOINT_MAPS.flatMap((map) => PREPARED_CLASSES.map((slots) => pickChainName(map, slots))),
);

function goldenText({ chains, sets }: FakeTable, family: ScenarioSetup['family']): string {
  const all = [...chains.values()].map(({ chain }) => chain);
  const used = new Set([...targetsOfChains(all), ...targetsOfElements(sets.values())]);
  const shown = all.filter(({ name }) => !PREPARED.has(name) || used.has(name));
  const byName = shown.toSorted((one, other) => (one.name < other.name ? -1 : 1));
  return formatTable(
    {
      sets: [...sets.values()].toSorted((one, other) =>
        one.declaration.name < other.declaration.name ? -1 : 1,
      ),
      chains: byName,
    },
    family,
  );
}

function targetsOfChains(chains: readonly Chain[]): readonly string[] {
  return chains.flatMap(({ rules }) =>
    rules.flatMap(({ statements }) =>
      statements.flatMap((statement) =>
        statement.kind === 'verdict' && 'chain' in statement.verdict ? [statement.verdict.chain] : [],
      ),
    ),
  );
}

function targetsOfElements(
  sets: Iterable<{ readonly elements: ReadonlyMap<string, string> }>,
): readonly string[] {
  return [...sets].flatMap(({ elements }) =>
    [...elements.values()].flatMap((data) => (data.startsWith('goto ') ? [data.slice(5)] : [])),
  );
}
