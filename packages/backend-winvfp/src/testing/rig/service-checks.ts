/**
 * The life cycle of a service through the service control manager: installed, started, stopped, removed.
 * `service-checks <result file> <log file> <program and arguments of the service…>`.
 */
import assert from 'node:assert/strict';
import { appendFileSync, closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { createServiceManager, type CommandResult, type ServiceState } from '../../driver/service-manager.ts';

const NAME = 'signalbox-rig';
const MAX_QUERIES = 200;
const [resultFile = '', logFile = '', ...command] = process.argv.slice(2);

/** Wine's Node cannot read a child's pipe: output goes through a file. */
function sc(file: string, args: readonly string[]): Promise<CommandResult> {
  const output = `${resultFile}.sc`;
  const descriptor = openSync(output, 'w');
  const ran = spawnSync(file, [...args], { stdio: ['ignore', descriptor, descriptor] });
  closeSync(descriptor);
  // Wine's sc.exe exits with 1 for every error; that of Windows exits with 1060 here.
  const status = args[0] === 'query' && ran.status === 1 ? 1060 : (ran.status ?? 127);
  return Promise.resolve({ status, output: readFileSync(output, 'utf8') });
}

const manager = createServiceManager(sc);

async function check(name: string, act: () => Promise<void>): Promise<void> {
  try {
    await act();
    appendFileSync(resultFile, `${JSON.stringify({ name, failure: null })}\n`);
  } catch (error) {
    const failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
    appendFileSync(resultFile, `${JSON.stringify({ name, failure })}\n`);
  }
}

async function becomes(expected: ServiceState): Promise<void> {
  let last = '';
  for (let query = 0; query < MAX_QUERIES; query += 1) {
    const status = await manager.status(NAME);
    last = JSON.stringify(status);
    if (status.ok && status.value === expected) return;
  }
  const log = existsSync(logFile) ? readFileSync(logFile, 'utf8') : 'no log';
  throw new Error(`never ${expected}; last ${last}; log of the service: ${log}`);
}

await check('a service is installed', async () => {
  assert.deepEqual(await manager.status(NAME), { ok: true, value: 'not-installed' });
  const installed = await manager.install({ name: NAME, displayName: 'Signalbox rig', command });
  assert.deepEqual(installed, { ok: true, value: 'installed' });
  assert.deepEqual(await manager.status(NAME), { ok: true, value: 'stopped' });
});
await check('it starts, and the manager sees it running', async () => {
  const started = await sc('sc.exe', ['start', NAME]);
  assert.equal(started.status, 0, started.output);
  await becomes('running');
});
await check('it stops after a stop request, when its work is done', async () => {
  const stopped = await sc('sc.exe', ['stop', NAME]);
  assert.equal(stopped.status, 0, stopped.output);
  await becomes('stopped');
  assert.deepEqual(readFileSync(logFile, 'utf8').trim().split('\n').slice(0, 2), [
    'running',
    'asked to stop',
  ]);
});
await check('it is uninstalled', async () => {
  assert.deepEqual(await manager.uninstall(NAME), { ok: true, value: 'uninstalled' });
  assert.deepEqual(await manager.uninstall(NAME), { ok: true, value: 'not-installed' });
});
appendFileSync(resultFile, '{"name":"end","failure":null}\n');
