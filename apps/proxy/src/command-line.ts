/** From a command line to an outcome: one status, one line for each error. */
import { writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { cleanup } from './commands/cleanup.ts';
import { commandHelp, usageHint } from './commands/command-help.ts';
import { syntaxOf, type Command, type Invocation, type Request, type Terminal } from './commands/command.ts';
import { findCommand, isMistyped, unknownCommand } from './commands/find-command.ts';
import { DONE, failed, type Outcome } from './commands/outcome.ts';
import { ownValues } from './commands/own-values.ts';
import type { RunOptions } from './commands/run-options.ts';
import { readTextFile, run } from './commands/run.ts';
import { COMMANDS } from './commands/table.ts';
import type { Composition } from './compose/composition.ts';
import { completeSettings, type Surroundings } from './config/complete.ts';
import { toYaml } from './config/encode.ts';
import { messageOf } from './config/problem.ts';
import type { Settings } from './config/settings.ts';
import { helpText } from './flags/help.ts';
import { parseFlags, type ParsedFlags } from './flags/parse.ts';
import { standalone } from './flags/standalone.ts';
import { createLogging, type Logging } from './logging/logger.ts';
import { logSink } from './logging/log-sink.ts';
import type { ProxyMode } from './modes/proxy-mode.ts';
import { versionInfo } from './version/version.ts';

export async function runCommandLine(
  argv: readonly string[],
  composition: Composition,
  terminal: Terminal,
): Promise<Outcome> {
  const [first = '', ...rest] = argv;
  const command = findCommand(first, COMMANDS) ?? null;
  const isWord = command === null && !first.startsWith('-');
  if (isWord && isMistyped(first, COMMANDS)) return failed(unknownCommand(first, COMMANDS));
  if (command?.formerNames?.includes(first) === true)
    terminal.hint(`Warning: signalbox ${first} is now signalbox ${command.name}\n`);
  const parsed = command === null ? parseFlags(argv) : parseFlags(rest, syntaxOf(command));
  if (!parsed.ok) {
    terminal.hint(`${usageHint(command)}\n`);
    return failed(parsed.error);
  }
  const { flags, words, flagWords } = parsed.value;
  const answer = handleInfoFlags(flags, command, composition.modes);
  if (typeof answer !== 'string' && answer !== null) return answer;
  if (answer !== null) {
    terminal.print(answer);
    return DONE;
  }
  if (command === null) return runProxy(flags, composition, terminal);
  const own = ownValues(parsed.value.own);
  return runCommand({ command, commands: COMMANDS, composition, terminal, words, flagWords, own }, flags);
}

/** `--help` and `--version`: text to print; `null`: go on. */
function handleInfoFlags(
  { given }: ParsedFlags,
  command: Command | null,
  modes: readonly ProxyMode[],
): string | Outcome | null {
  if (standalone(given, 'help')) return command === null ? helpText(modes) : commandHelp(command);
  const version = standalone(given, 'version') ?? 'false';
  if (version === 'raw') return `${JSON.stringify(versionInfo(null))}\n`;
  // Exactly kube-proxy's line: inventories of nodes parse it. `raw` names this program.
  if (version === 'true') return `Kubernetes ${versionInfo(null).gitVersion}\n`;
  if (version === 'false' || /^v\d+\.\d+\.\d+/.test(version)) return null;
  return failed(`--version: ${version} is not true, raw or vX.Y.Z`);
}

/** With --config, kube-proxy ignores these; a command that reads the same file elsewhere has another API server. */
const OVER_FILE: ReadonlySet<string> = new Set(['kubeconfig', 'metrics-bind-address']);

/** What a command needs of the proxy's flags and its file; or what is wrong with them. */
function prepare(
  flags: ParsedFlags,
  { modes }: Composition,
  flagsOverFile: ReadonlySet<string>,
): Omit<RunOptions, 'composition'> | Outcome {
  const around: Surroundings = {
    platform: process.platform === 'win32' ? 'windows' : 'linux',
    modes,
    hostName: hostname(),
    readFile: readTextFile,
    flagsOverFile,
  };
  const completed = completeSettings(flags, around);
  if (!completed.ok) return failed(...completed.error);
  const settings = completed.value;
  const logging = createLogging(settings.config.logging, logSink(settings.config.logging));
  for (const warning of settings.warnings) logging.logger.component('config').warning(warning);
  return { settings, flags, around, logging };
}

function runProxy(
  flags: ParsedFlags,
  composition: Composition,
  terminal: Terminal,
): Outcome | Promise<Outcome> {
  const prepared = prepare(flags, composition, new Set());
  if ('status' in prepared) return prepared;
  const { settings, logging } = prepared;
  if (settings.writeConfigTo !== '') return writeConfig(settings);
  if (settings.cleanup) {
    const logger = logging.logger.component('cleanup');
    return cleanup({ settings, composition, logger, print: (text) => terminal.print(text) });
  }
  return inFormat(logging, run({ ...prepared, composition }));
}

/** Flags that make the proxy do something else than run: a command would ignore them. */
const ACTIONS = ['cleanup', 'write-config-to', 'init-only'];

function runCommand(request: Request, flags: ParsedFlags): Outcome | Promise<Outcome> {
  const { command, composition } = request;
  if (command.needs === 'nothing') return command.run(request);
  const action = ACTIONS.find((name) => flags.given.has(name));
  if (action !== undefined) return failed(`--${action}: not with signalbox ${command.name}`);
  const prepared = prepare(flags, composition, OVER_FILE);
  if ('status' in prepared) return prepared;
  const invocation: Invocation = { ...request, ...prepared };
  return command.run(invocation);
}

/** With JSON as the format of the log, the last line is JSON, too. */
async function inFormat(logging: Logging, ended: Promise<Outcome>): Promise<Outcome> {
  const { status, errors } = await ended;
  if (logging.settings().format !== 'json') return { status, errors };
  for (const err of errors) logging.logger.error('Command failed', { err });
  return { status, errors: [] };
}

/** `--write-config-to`: the configuration in effect, as a file that `--config` takes. */
function writeConfig({ config, writeConfigTo }: Settings): Outcome {
  try {
    writeFileSync(writeConfigTo, toYaml(config));
    return DONE;
  } catch (error) {
    return failed(`--write-config-to: cannot write ${writeConfigTo}: ${messageOf(error)}`);
  }
}
