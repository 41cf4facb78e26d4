import { explain } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import { loadScenarios } from './load-scenarios.ts';
import { formatOutcome } from './packets-table.ts';
import { scenarioModel } from './run-scenario.ts';
import { SCENARIOS_ROOT } from './scenario-root.ts';
import { SCENARIO_HOST } from './world.ts';

describe('scenarios, the core itself', () => {
  for (const scenario of loadScenarios(SCENARIOS_ROOT, process.env['SCENARIO'] ?? '')) {
    it(`${scenario.id}: ${scenario.title} (${scenario.proves.join(' ')})`, () => {
      const model = scenarioModel(scenario);
      for (const step of scenario.steps) {
        for (const event of step.events) model.apply(event);
        for (const row of step.packets) {
          model.build(row.family);
          const { outcome } = explain(model.state(row.family), row.packet, SCENARIO_HOST);
          expect(formatOutcome(outcome), `${scenario.id} ${step.name}: ${row.text}`).toBe(
            formatOutcome(row.expected),
          );
        }
      }
    });
  }
});
