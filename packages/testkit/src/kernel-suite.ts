/** The kernel suite of one backend: the packets of the scenarios, sent with real sockets. */
import { FAMILIES, type Backend, type Family, type Model } from '@signalbox/core';
import type { ExpectedOutcome, FaultPlan } from '@signalbox/core/testing';
import { createWorld, listenAll, replay, runCommand, worldForRows, type World } from '@signalbox/netns';
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { NO_FAULTS, randomFaults } from './fault-plan.ts';
import { expectInspected, isInspected } from './inspect-step.ts';
import { loadScenarios, packetsOf, type Scenario, type ScenarioStep } from './load-scenarios.ts';
import type { PacketRow } from './packets-table.ts';
import { seedOf } from './random.ts';
import { scenarioModel } from './run-scenario.ts';
import { SCENARIOS_ROOT } from './scenario-root.ts';

export interface KernelBackendSetup {
  readonly family: Family;
  /** The command line that runs what follows it on the node: `['ip', 'netns', 'exec', 'node']`. */
  readonly prefix: readonly string[];
  readonly options: Readonly<Record<string, unknown>>;
  /** Decides which writes fail, before or after the kernel applied them. */
  readonly faults: FaultPlan;
}

export interface KernelBackend {
  readonly mode: string;
  /** `iptables, nft variant`. */
  readonly label: string;
  /** Absent: the outcomes of the tables, unchanged. */
  readonly expects?: ExpectedOutcome;
  create(setup: KernelBackendSetup): Backend;
}

const MAX_SYNCS = 30;
const FAULT_RATE = 0.1;

export function kernelSuite(kernel: KernelBackend): void {
  const scenarios = loadScenarios(SCENARIOS_ROOT, process.env['SCENARIO'] ?? '');
  describe(`scenarios on the real kernel, ${kernel.label}`, () => {
    const world: { current: World | null } = { current: null };
    beforeAll(async () => {
      world.current = await createWorld(
        worldForRows(allRows(scenarios, kernel.mode), endpointsOf(scenarios)),
      );
    });
    afterAll(() => world.current?.close());
    for (const scenario of scenarios) {
      const reason = scenario.unsupported[kernel.mode] ?? scenario.noReplay;
      const name = `${scenario.id}: ${scenario.title}`;
      if (reason !== '') it.skip(`${name}: ${reason}`, () => undefined);
      else it(name, (context) => play({ scenario, kernel, world: world.current as World, context }));
    }
  });
}

interface Play {
  readonly scenario: Scenario;
  readonly kernel: KernelBackend;
  readonly world: World;
  readonly context: TestContext;
}

/** Writes fail in every second scenario, chosen by its name only. */
function faultsOf({ scenario, kernel }: Play): FaultPlan {
  const seed = seedOf(`${scenario.id} ${kernel.label}`);
  return seed % 2 === 0 ? NO_FAULTS : randomFaults(FAULT_RATE, seed);
}

async function play(run: Play): Promise<void> {
  const { scenario, kernel, world } = run;
  const model = scenarioModel(scenario);
  const faults = faultsOf(run);
  const options = scenario.backend[kernel.mode] ?? {};
  const backends = FAMILIES.map((family) =>
    kernel.create({ family, prefix: world.node.prefix, options, faults }),
  );
  const localhost = scenario.config.localhostNodePorts === true ? '1' : '0';
  const onNode = (...command: string[]): Promise<string> => runCommand([...world.node.prefix, ...command]);
  await onNode('sysctl', '-qw', `net.ipv4.conf.all.route_localnet=${localhost}`);
  // A client port that is used again would match the connection of an earlier scenario.
  await onNode('conntrack', '-F');
  try {
    for (const step of scenario.steps) await playStep(run, step, { model, backends });
  } finally {
    await world.forgetListeners();
    for (const backend of backends) {
      await cleanUp(backend);
      await backend.close();
    }
  }
}

async function cleanUp(backend: Backend): Promise<void> {
  for (let attempt = 0; attempt < MAX_SYNCS; attempt += 1) {
    const result = await backend.cleanup();
    if (result.outcome === 'ok') return;
    if (attempt === MAX_SYNCS - 1) expect.unreachable(`cleanup: ${result.error.message}`);
  }
}

async function playStep(
  { scenario, kernel, world, context }: Play,
  step: ScenarioStep,
  { model, backends }: { readonly model: Model; readonly backends: readonly Backend[] },
): Promise<void> {
  for (const event of step.events) model.apply(event);
  for (const backend of backends) await converge(model, backend);
  const notes: string[] = [];
  const problems: string[] = [];
  const sent: PacketRow[] = [];
  await listenEverywhere(model, world);
  for (const row of packetsOf(step, kernel.mode, kernel.expects)) {
    const result = noReplyPath(row)
      ? ({ kind: 'skipped', reason: 'the reply would not come back through the node' } as const)
      : await replay(world, row);
    if (result.kind === 'skipped') notes.push(`${row.text}: ${result.reason}`);
    else sent.push(row);
    if (result.kind !== 'skipped')
      problems.push(...result.mismatches.map((mismatch) => `${row.text}: ${mismatch}`));
  }
  const at = `${scenario.id} ${step.name}`;
  expect(problems, `${at}\n${problems.join('\n')}`).toEqual([]);
  if (isInspected(scenario.id)) for (const backend of backends) await expectInspected(backend, sent);
  for (const note of notes) await context.annotate(`not replayed: ${note}`);
}

async function converge(model: Model, backend: Backend): Promise<void> {
  let last = '';
  for (let attempt = 0; attempt < MAX_SYNCS; attempt += 1) {
    const result = await backend.sync(model.build(backend.family).change);
    if (result.outcome === 'ok') return;
    last = JSON.stringify(result.error ?? result.failures, null, 2);
  }
  expect.unreachable(`${backend.mode} ${backend.family}: not converged after ${MAX_SYNCS} syncs: ${last}`);
}

/** Endpoints that must not be chosen listen too; otherwise "never chosen" would prove nothing. */
async function listenEverywhere(model: Model, world: World): Promise<void> {
  for (const family of FAMILIES) {
    for (const port of model.state(family).servicePorts.values()) {
      if (port.name.protocol !== 'SCTP') await listenAll(world, port.name.protocol, port.servingEndpoints);
    }
  }
}

/** A remote endpoint replies to an outside client's address directly, not through the node: with any proxy. */
function noReplyPath(row: PacketRow): boolean {
  const { expected, entry } = row;
  if (expected.kind !== 'forward' || entry !== 'outside') return false;
  return expected.destinations.some(({ address, masquerade }) => !masquerade && !isPodOfThisNode(address));
}

function isPodOfThisNode(address: string): boolean {
  return address.startsWith('10.244.1.') || address.startsWith('fd00:10:244:1:');
}

function allRows(scenarios: readonly Scenario[], mode: string): readonly PacketRow[] {
  return scenarios.flatMap((scenario) => scenario.steps.flatMap((step) => packetsOf(step, mode)));
}

function endpointsOf(scenarios: readonly Scenario[]): readonly string[] {
  return [...new Set(scenarios.flatMap(endpointsOfScenario))];
}

function endpointsOfScenario(scenario: Scenario): readonly string[] {
  const model = scenarioModel(scenario);
  return scenario.steps.flatMap((step) => {
    for (const event of step.events) model.apply(event);
    const states = FAMILIES.map((family) => model.build(family).state);
    const ports = states.flatMap((state) => [...state.servicePorts.values()]);
    return ports.flatMap((port) => port.servingEndpoints.map(({ address }) => address));
  });
}
