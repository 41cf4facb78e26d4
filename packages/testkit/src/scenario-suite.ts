/** The scenario suite of one backend, for vitest. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { ScenarioBackend } from '@signalbox/core/testing';
import { describe, expect, it } from 'vitest';
import { countFaults, NO_FAULTS, randomFaults } from './fault-plan.ts';
import { loadScenarios, type Scenario } from './load-scenarios.ts';
import { seedOf } from './random.ts';
import { runScenario, type ScenarioRun } from './run-scenario.ts';
import { SCENARIOS_ROOT } from './scenario-root.ts';

/** Share of the fake kernel's writes that fail in the faulty runs. */
const FAULT_RATE = 0.1;
const FAULTY_RUNS = 3;
/** Until a write fails: a scenario may have one write only. */
const MOST_RUNS = 300;

/** `UPDATE_GOLDENS=1` rewrites the golden files instead of comparing; review them as documentation. */
export function scenarioSuite(adapter: ScenarioBackend): void {
  describe(`scenarios, ${adapter.mode}`, () => {
    for (const scenario of loadScenarios(SCENARIOS_ROOT, process.env['SCENARIO'] ?? '')) {
      const reason = scenario.unsupported[adapter.mode];
      if (reason === undefined) cases(scenario, adapter);
      else it.skip(`${scenario.id}: unsupported: ${reason}`, () => undefined);
    }
  });
}

function cases(scenario: Scenario, adapter: ScenarioBackend): void {
  it(`${scenario.id}: ${scenario.title} (${scenario.proves.join(' ')})`, async () => {
    const run = await runScenario(scenario, adapter, NO_FAULTS);
    expect(run.problems, run.problems.join('\n')).toEqual([]);
    compareGoldens(run);
  });
  it(`${scenario.id}, ${FAULT_RATE * 100} % of writes failing: ends in the same state`, async () => {
    const writes = countFaults(NO_FAULTS);
    const clean = await runScenario(scenario, adapter, writes.plan);
    let faults = 0;
    for (let attempt = 0; attempt < FAULTY_RUNS || (faults === 0 && attempt < MOST_RUNS); attempt += 1) {
      const counted = countFaults(randomFaults(FAULT_RATE, seedOf(scenario.id) + attempt));
      const run = await runScenario(scenario, adapter, counted.plan);
      faults += counted.faults;
      expect(run.problems, run.problems.join('\n')).toEqual([]);
      expect(run.goldens.at(-1)?.files).toEqual(clean.goldens.at(-1)?.files);
      if (writes.asked === 0) break;
    }
    if (writes.asked > 0) expect(faults, 'writes that failed').toBeGreaterThan(0);
  });
}

function compareGoldens(run: ScenarioRun): void {
  for (const { step, files } of run.goldens) {
    for (const [name, text] of Object.entries(files)) {
      const file = path.join(step.folder, name);
      if (process.env['UPDATE_GOLDENS'] === '1') writeFileSync(file, text);
      else
        expect(text, `${file} (UPDATE_GOLDENS=1 rewrites it)`).toBe(
          existsSync(file) ? readFileSync(file, 'utf8') : '(missing)',
        );
    }
  }
}
