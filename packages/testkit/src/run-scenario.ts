import { formatDrift } from '@signalbox/backend-kit';
/** Plays one scenario against one backend and describes every deviation. */
import { createModel, explain, FAMILIES, type Family, type Model } from '@signalbox/core';
import type { FaultPlan, ScenarioBackend, ScenarioInstance } from '@signalbox/core/testing';
import { packetsOf, type Scenario, type ScenarioStep } from './load-scenarios.ts';
import { formatOutcome, type PacketRow } from './packets-table.ts';
import { seededRandom, seedOf } from './random.ts';
import { NODE_ADDRESSES, SCENARIO_CONFIG, SCENARIO_HOST } from './world.ts';

/** The expected text of each golden file in the step's folder. */
export interface StepGoldens {
  readonly step: ScenarioStep;
  readonly files: Readonly<Record<string, string>>;
}

export interface ScenarioRun {
  /** One line each; empty if there are none. */
  readonly problems: readonly string[];
  readonly goldens: readonly StepGoldens[];
}

type Instances = Readonly<Record<Family, ScenarioInstance>>;

/** With one write in ten failing, all fifty tries fail once in 10^50. */
const MAX_SYNCS = 50;
const STICKY_CONNECTIONS = 12;

export function scenarioModel(scenario: Scenario): Model {
  const model = createModel({ ...SCENARIO_CONFIG, ...scenario.config });
  model.setInterfaceAddresses(NODE_ADDRESSES);
  return model;
}

export async function runScenario(
  scenario: Scenario,
  adapter: ScenarioBackend,
  faults: FaultPlan,
): Promise<ScenarioRun> {
  const model = scenarioModel(scenario);
  const create = (family: Family): ScenarioInstance =>
    adapter.create({ family, host: SCENARIO_HOST, faults, options: scenario.backend[adapter.mode] ?? {} });
  const instances: Instances = { IPv4: create('IPv4'), IPv6: create('IPv6') };
  const problems: string[] = [];
  const goldens: StepGoldens[] = [];
  for (const step of scenario.steps) {
    const at = step.name === '' ? scenario.id : `${scenario.id}/${step.name}`;
    for (const event of step.events) model.apply(event);
    for (const family of FAMILIES) {
      const found = await converge(model, family, instances[family]);
      problems.push(...found.map((problem) => `${at} ${family}: ${problem}`));
    }
    const rows = packetsOf(step, adapter.mode, adapter.expects);
    const wrong = [
      ...step.packets.flatMap((row) => checkOracle(row, model)),
      ...rows.flatMap((row) => checkTrace(row, instances[row.family])),
    ];
    problems.push(...wrong.map((problem) => `${at}: ${problem}`));
    goldens.push({ step, files: joinGoldens(adapter, instances) });
  }
  await Promise.all(FAMILIES.map((family) => instances[family].backend.close()));
  return { problems, goldens };
}

/** Syncs until the backend reports the desired state as programmed, then observes the kernel again. */
async function converge(
  model: Model,
  family: Family,
  instance: ScenarioInstance,
): Promise<readonly string[]> {
  let last = '';
  for (let attempt = 0; attempt < MAX_SYNCS; attempt += 1) {
    const result = await instance.backend.sync(model.build(family).change);
    if (result.outcome === 'ok') return drift(instance);
    last = result.error?.message ?? result.failures.map((failure) => failure.error.message).join('; ');
  }
  return [`not converged after ${MAX_SYNCS} syncs: ${last}`];
}

async function drift(instance: ScenarioInstance): Promise<readonly string[]> {
  for (let attempt = 0; attempt < MAX_SYNCS; attempt += 1) {
    const seen = await instance.backend.observe();
    if (seen.outcome === 'ok') return seen.drift.map((item) => `after a sync: ${formatDrift(item)}`);
  }
  return [`observe failed ${MAX_SYNCS} times`];
}

/** The core's own explanation must agree with the table, or the table is wrong for every backend. */
function checkOracle(row: PacketRow, model: Model): readonly string[] {
  const { outcome } = explain(model.state(row.family), row.packet, SCENARIO_HOST);
  return differs(row, 'explain', formatOutcome(outcome));
}

function checkTrace(row: PacketRow, instance: ScenarioInstance): readonly string[] {
  const traced = differs(row, 'trace', formatOutcome(instance.trace(row.packet)));
  return row.sticky && traced.length === 0 ? checkSticky(row, instance) : traced;
}

function checkSticky(row: PacketRow, instance: ScenarioInstance): readonly string[] {
  const random = seededRandom(seedOf(row.text));
  const seen = new Set<string>();
  for (let index = 0; index < STICKY_CONNECTIONS; index += 1) {
    seen.add(formatOutcome(instance.connect(row.packet, random)));
  }
  return seen.size === 1 ? [] : [`${row.text}: expected one endpoint, got ${[...seen].join(', ')}`];
}

function differs(row: PacketRow, who: string, got: string): readonly string[] {
  const expected = formatOutcome(row.expected);
  return got === expected
    ? []
    : [`${row.text}\n    ${who} expected: ${expected}\n    ${who} got:      ${got}`];
}

function joinGoldens(adapter: ScenarioBackend, instances: Instances): Readonly<Record<string, string>> {
  const texts = FAMILIES.map((family) => ({ family, files: instances[family].golden() }));
  return Object.fromEntries(
    adapter.goldens.map((name) => [
      name,
      texts.map(({ family, files }) => `# ${family}\n${(files[name] ?? '').trimEnd()}\n`).join('\n'),
    ]),
  );
}
