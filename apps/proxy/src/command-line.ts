/** From a command line to an outcome: one status, one line for each error. */
import { hostname } from 'node:os';
import type { Composition } from './compose/composition.ts';
import { cleanup } from './commands/cleanup.ts';
import { explainPacket } from './commands/explain.ts';
import { migrate, parseMigrate, type MigrateQuestion } from './commands/migrate.ts';
import { DONE, failed, type Outcome } from './commands/outcome.ts';
import { readTextFile, run } from './commands/run.ts';
import { serviceCommand } from './commands/service.ts';
import { writeConfig } from './commands/write-config.ts';
import { completeSettings, type Surroundings } from './config/complete.ts';
import type { Settings } from './config/settings.ts';
import { helpText, USAGE_HINT } from './flags/help.ts';
import { parseFlags, type ParsedFlags } from './flags/parse.ts';
import { standalone } from './flags/standalone.ts';
import { createLogging, type Logging } from './logging/logger.ts';
import { logSink } from './logging/log-sink.ts';
import type { ProxyMode } from './modes/proxy-mode.ts';
import { versionInfo } from './version/version.ts';

/** `print` takes what the operator asked to see; log lines go their own way. */
export interface Terminal {
  print(text: string): void;
  hint(text: string): void;
}

/** Words before the first flag: a command. kube-proxy has none, and takes no arguments. */
const COMMANDS: ReadonlySet<string> = new Set(['explain', 'migrate', 'service']);

export async function runCommandLine(
  argv: readonly string[],
  parts: Composition,
  terminal: Terminal,
): Promise<Outcome> {
  const command = splitCommand(argv);
  if (typeof command === 'string') return failed(command);
  const { words, rest, question } = command;
  const parsed = parseFlags(rest);
  if (!parsed.ok) {
    terminal.hint(`${USAGE_HINT}\n`);
    return failed(parsed.error);
  }
  const { flags } = parsed;
  const answer = handleInfoFlags(flags, parts.modes);
  if (typeof answer !== 'string' && answer !== null) return answer;
  if (answer !== null) {
    terminal.print(answer);
    return DONE;
  }
  const around: Surroundings = {
    platform: process.platform === 'win32' ? 'windows' : 'linux',
    modes: parts.modes,
    hostName: hostname(),
    readFile: readTextFile,
  };
  const completed = completeSettings(flags, around);
  if (!completed.ok) return failed(...completed.errors);
  const { settings } = completed;
  return dispatch({ settings, flags, around, composition: parts, words, rest, terminal, question });
}

interface Command {
  /** A command and its arguments; empty: run the proxy. */
  readonly words: readonly string[];
  /** The command line behind them. */
  readonly rest: readonly string[];
  /** Of `migrate`. */
  readonly question: MigrateQuestion | null;
}

/** Or what is wrong with it. */
function splitCommand(argv: readonly string[]): Command | string {
  if (!COMMANDS.has(argv[0] ?? '')) return { words: [], rest: argv, question: null };
  const flag = argv.findIndex((word) => word.startsWith('-'));
  const end = flag < 0 ? argv.length : flag;
  const [words, rest] = [argv.slice(0, end), argv.slice(end)];
  if (words[0] !== 'migrate') return { words, rest, question: null };
  if (rest.some((word) => HELP.has(word))) return { words, rest: ['--help'], question: null };
  const asked = parseMigrate(rest);
  return typeof asked === 'string' ? asked : { words, ...asked };
}

const HELP: ReadonlySet<string> = new Set(['-h', '--help', '--help=true']);

/** `--help` and `--version`: text to print; `null`: go on. */
function handleInfoFlags({ given }: ParsedFlags, modes: readonly ProxyMode[]): string | Outcome | null {
  if (standalone(given, 'help')) return helpText(modes);
  const version = standalone(given, 'version') ?? 'false';
  if (version === 'raw') return `${JSON.stringify(versionInfo(null))}\n`;
  // Exactly kube-proxy's line: inventories of nodes parse it. `raw` names this program.
  if (version === 'true') return `Kubernetes ${versionInfo(null).gitVersion}\n`;
  if (version === 'false' || /^v\d+\.\d+\.\d+/.test(version)) return null;
  return failed(`--version: ${version} is not true, raw or vX.Y.Z`);
}

interface Invocation extends Command {
  readonly settings: Settings;
  readonly flags: ParsedFlags;
  readonly around: Surroundings;
  readonly composition: Composition;
  readonly terminal: Terminal;
}

function dispatch(invocation: Invocation): Outcome | Promise<Outcome> {
  const { settings, composition, words, terminal } = invocation;
  const logging = createLogging(settings.config.logging, logSink(settings.config.logging));
  const { logger } = logging;
  for (const warning of settings.warnings) logger.component('config').warning(warning);
  if (settings.writeConfigTo !== '') return writeConfig(settings);
  if (settings.cleanup) return cleanup(settings, composition, logger.component('cleanup'));
  const print = (text: string): void => terminal.print(text);
  if (words[0] === 'service') return controlService(invocation, print);
  const hint = (text: string): void => terminal.hint(text);
  const { question } = invocation;
  if (question !== null) return migrate({ settings, question, composition, logger, print, hint });
  if (words[0] !== 'explain') return inFormat(logging, run({ ...invocation, logging }));
  return explainPacket({ settings, composition, logger, words: words.slice(1), print, hint });
}

/** See no-inspector.ts; a version of Node.js that does not know the flag would not start with it. */
const NO_INSPECTOR = ['--disable-sigusr1'].filter((flag) => process.allowedNodeEnvironmentFlags.has(flag));

/** With JSON as the format of the log, the last line is JSON, too. */
async function inFormat(logging: Logging, ended: Promise<Outcome>): Promise<Outcome> {
  const { status, errors } = await ended;
  if (logging.settings().format !== 'json') return { status, errors };
  for (const err of errors) logging.logger.error('Command failed', { err });
  return { status, errors: [] };
}

async function controlService(
  { composition, words, rest }: Invocation,
  print: (text: string) => void,
): Promise<Outcome> {
  const services = await composition.services();
  if (services === null) return failed('signalbox service: only on Windows');
  const program = [process.execPath, ...NO_INSPECTOR, process.argv[1] ?? ''];
  return serviceCommand({ services, words: words.slice(1), program, flags: rest, print });
}
