/**
 * A minimal Windows service: writes its events to a file.
 * `service <edge-js folder> <Signalbox.Hcn.dll> <log file> <service name> [NAME=value …]`: a service gets no
 * environment from its parent process, so what edge-js needs comes as arguments.
 */
import { appendFileSync } from 'node:fs';
import { loadNativeLayer } from '../../driver/native-layer.ts';
import { createWindowsService } from '../../driver/windows-service.ts';

const [edgeModule = '', assembly = '', logFile = '', name = '', ...variables] = process.argv.slice(2);
const log = (line: string): void => appendFileSync(logFile, `${line}\n`);

for (const variable of variables) {
  const [key = '', ...value] = variable.split('=');
  // oxlint-disable-next-line node/no-process-env -- edge-js is configured by the environment alone
  process.env[key] = value.join('=');
}

async function main(): Promise<number> {
  const loaded = loadNativeLayer({ edgeModule, assembly });
  if (!loaded.ok) {
    log(JSON.stringify(loaded.error));
    return 1;
  }
  const started = await createWindowsService(loaded.value, name);
  if (!started.ok) {
    log(`refused: ${started.error.message}`);
    return 1;
  }
  log('running');
  log(`asked to ${await started.value.stopRequested}`);
  await started.value.finish(0);
  log('finished');
  return 0;
}

process.exit(await main());
