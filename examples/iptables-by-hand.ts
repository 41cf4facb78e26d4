/**
 * A service without Kubernetes: one address, two endpoints, programmed with iptables.
 *
 *     npm run example -- iptables-by-hand                       # on a fake kernel
 *     unshare -n npm run example -- iptables-by-hand --kernel   # on this one
 */
import { argv } from 'node:process';
import { pathToFileURL } from 'node:url';
import { createExecDriver, createIptablesBackend, type IptablesDriver } from '@signalbox/backend-iptables';
import { createFakeIptables } from '@signalbox/iptables/testing';
import { clusterIP, desiredState, fullChange } from '@signalbox/core';

const web = clusterIP('10.96.0.10:80', ['10.244.1.5:8080', '10.244.2.7:8080'], { name: 'by-hand/web' });
const state = desiredState('IPv4', [web]);

/** Programs the service; answers with what iptables-save prints then. */
export async function programByHand(driver: IptablesDriver): Promise<string> {
  const backend = createIptablesBackend({ family: 'IPv4', driver });
  const result = await backend.sync(fullChange(state));
  if (result.outcome !== 'ok') throw new Error(result.error?.message ?? 'some services failed');
  const lines: string[] = [];
  const saved = await driver.save((line) => lines.push(line));
  await backend.close();
  if (!saved.ok) throw new Error(saved.error.message);
  return lines.join('\n');
}

if (import.meta.url === pathToFileURL(argv[1] ?? '').href) {
  const driver = argv.includes('--kernel')
    ? createExecDriver({ family: 'IPv4' })
    : createFakeIptables({ family: 'IPv4' }).driver;
  console.log(await programByHand(driver));
}
