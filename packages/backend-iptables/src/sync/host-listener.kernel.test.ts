import { loadScenarios, scenarioModel, SCENARIOS_ROOT } from '@signalbox/testkit';
import { createWorld, replay, worldForRows } from '@signalbox/netns';
import { expect, it } from 'vitest';
import { createExecDriver } from '@signalbox/iptables';
import { createIptablesBackend } from './iptables-backend.ts';

it('S20: connections to a node port reach the service, not a process that listens on the port', async () => {
  const [scenario] = loadScenarios(SCENARIOS_ROOT, 'node-port/tcp');
  const [step] = scenario?.steps ?? [];
  const rows = (step?.packets ?? []).filter(
    ({ entry, expected }) => entry === 'outside' && expected.kind === 'forward',
  );
  expect(rows.length).toBeGreaterThan(0);
  await using world = await createWorld(worldForRows(rows));
  if (scenario === undefined || step === undefined) return;
  const model = scenarioModel(scenario);
  for (const event of step.events) model.apply(event);
  for (const { packet } of rows) {
    await world.node.listen('TCP', { address: packet.destination, port: packet.destinationPort });
  }
  const driver = createExecDriver({ family: 'IPv4', commandPrefix: world.node.prefix });
  const backend = createIptablesBackend({ family: 'IPv4', driver });
  expect((await backend.sync(model.build('IPv4').change)).outcome).toBe('ok');
  for (const row of rows) {
    const seen = await replay(world, row);
    expect(seen.kind === 'replayed' ? seen.mismatches : [seen.reason]).toEqual([]);
  }
  await backend.close();
});
