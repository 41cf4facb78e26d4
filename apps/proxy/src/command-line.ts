/** From a command line to an outcome: one status, one line for each error. */
import { hostname } from 'node:os';
import type { Composition } from './compose/composition.ts';
import { cleanup } from './commands/cleanup.ts';
import { DONE, failed, type Outcome } from './commands/outcome.ts';
import { readTextFile, run } from './commands/run.ts';
import { writeConfig } from './commands/write-config.ts';
import { completeSettings, type Surroundings } from './config/complete.ts';
import type { Settings } from './config/settings.ts';
import { helpText, USAGE_HINT } from './flags/help.ts';
import { parseFlags, type ParsedFlags } from './flags/parse.ts';
import { createLogging } from './logging/logger.ts';
import { logSink } from './logging/log-sink.ts';
import { SIGNALBOX_VERSION, versionInfo } from './version/version.ts';

/** `print` takes what the operator asked to see; log lines go their own way. */
export interface Terminal {
  print(text: string): void;
  hint(text: string): void;
}

export async function runCommandLine(
  argv: readonly string[],
  parts: Composition,
  terminal: Terminal,
): Promise<Outcome> {
  const print = (text: string): Outcome => {
    terminal.print(text);
    return DONE;
  };
  const parsed = parseFlags(argv);
  if (!parsed.ok) {
    terminal.hint(`${USAGE_HINT}\n`);
    return failed(parsed.error);
  }
  const { flags } = parsed;
  if (flags.given.get('help') === true) return print(helpText());
  const asked = flags.given.get('version');
  const version = typeof asked === 'string' ? asked : 'false';
  if (version === 'raw') return print(`${JSON.stringify(versionInfo(null))}\n`);
  if (version === 'true')
    return print(`Kubernetes ${versionInfo(null).gitVersion} (signalbox ${SIGNALBOX_VERSION})\n`);
  if (version !== 'false' && !/^v\d+\.\d+\.\d+/.test(version))
    return failed(`--version: ${version} is not true, raw or vX.Y.Z`);
  const around: Surroundings = {
    platform: process.platform === 'win32' ? 'windows' : 'linux',
    hostName: hostname(),
    readFile: readTextFile,
  };
  const completed = completeSettings(flags, around);
  return completed.ok
    ? obey({ settings: completed.settings, flags, around, composition: parts })
    : failed(...completed.errors);
}

interface Order {
  readonly settings: Settings;
  readonly flags: ParsedFlags;
  readonly around: Surroundings;
  readonly composition: Composition;
}

function obey(order: Order): Outcome | Promise<Outcome> {
  const { settings, composition } = order;
  const logging = createLogging(settings.config.logging, logSink(settings.config.logging));
  for (const warning of settings.warnings) logging.logger.component('config').warning(warning);
  if (settings.writeConfigTo !== '') return writeConfig(settings);
  if (settings.cleanup) return cleanup(settings, composition, logging.logger.component('cleanup'));
  return run({ ...order, logging });
}
