/** Where the outcome of a scenario's packets differs from the clauses, the backend must have reported the difference. */
import path from 'node:path';
import type { DesiredServicePort, Family, Frontend, Model } from '@signalbox/core';
import {
  loadScenarios,
  packetsOf,
  SCENARIO_HOST,
  scenarioModel,
  type PacketRow,
  type Scenario,
  type ScenarioStep,
} from '@signalbox/testkit';
import { createHns } from '@signalbox/hns-simulator';
import { describe, expect, it } from 'vitest';
import { createWinvfpBackend, type WinvfpBackend } from '../backend.ts';
import { addBridge, attachPods, NETWORK_NAME } from './scenario-world.ts';
import { createSimulatedHcn } from './simulated-hcn.ts';

/** Rows that `packets.winvfp.table` replaces. */
function differing(step: ScenarioStep): readonly PacketRow[] {
  return packetsOf(step, 'winvfp').filter((row) => !step.packets.includes(row));
}

const ROOT = path.resolve(import.meta.dirname, '../../../../scenarios');

const scenarios = loadScenarios(ROOT).filter(
  (scenario) =>
    scenario.unsupported['winvfp'] === undefined && scenario.steps.some((step) => differing(step).length > 0),
);

function frontendOf(row: PacketRow, frontend: Frontend): boolean {
  const { destination, destinationPort } = row.packet;
  const address = frontend.kind === 'node-port' ? destination : frontend.address;
  return address === destination && frontend.port === destinationPort;
}

function namedAs(frontend: Frontend, port: DesiredServicePort): string {
  const { protocol } = port.name;
  const address = frontend.kind === 'node-port' ? '*' : frontend.address;
  const place = address.includes(':') ? `[${address}]` : address;
  return `${place}:${frontend.port}/${protocol.toLowerCase()}`;
}

type Backends = Readonly<Record<Family, WinvfpBackend>>;

/** Rows of this step and family whose frontend the backend does not report. */
function silent(step: ScenarioStep, model: Model, backend: WinvfpBackend): readonly string[] {
  const state = model.state(backend.family);
  const said = new Set(backend.unsupported().map((entry) => entry.frontend));
  const rows = differing(step).filter((row) => row.family === backend.family);
  return rows.flatMap((row) => {
    const meant = [...state.servicePorts.values()].flatMap((port) =>
      port.frontends.filter((entry) => frontendOf(row, entry)).map((entry) => namedAs(entry, port)),
    );
    return meant.some((name) => said.has(name)) ? [] : [row.text];
  });
}

async function announced(scenario: Scenario): Promise<readonly string[]> {
  const model = scenarioModel(scenario);
  const hns = createHns({ hostAddresses: SCENARIO_HOST.addresses });
  addBridge(hns);
  const hcn = createSimulatedHcn(hns);
  const create = (family: Family): WinvfpBackend =>
    createWinvfpBackend({ family, hcn, networkName: NETWORK_NAME, enableDSR: true, nodeIP: '' });
  const backends: Backends = { IPv4: create('IPv4'), IPv6: create('IPv6') };
  const missing: string[] = [];
  for (const step of scenario.steps) {
    for (const event of step.events) model.apply(event);
    for (const backend of Object.values(backends)) {
      const { change } = model.build(backend.family);
      attachPods(hns, change);
      await backend.sync(change);
      missing.push(...silent(step, model, backend));
    }
  }
  return missing;
}

describe('differences of HNS that a scenario shows are reported', () => {
  it.each(scenarios.map((scenario) => [scenario.id, scenario] as const))('%s', async (_id, scenario) => {
    expect(await announced(scenario)).toEqual([]);
  });
});
