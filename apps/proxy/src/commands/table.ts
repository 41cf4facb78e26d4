/**
 * Every command of `signalbox`. Dispatch, `signalbox help`, `COMMAND --help`, completion and the man page are derived from these
 * rows. Without a command, the proxy runs.
 */
import type { Command } from './command.ts';
import { clusterCommand } from './cluster.ts';
import { describeCommand } from './describe.ts';
import { diffCommand } from './diff.ts';
import { explainCommand } from './explain.ts';
import { completionCommand } from './completion/completion.ts';
import { helpCommand } from './help.ts';
import { migrateCommand } from './migrate.ts';
import { statusCommand } from './status.ts';
import { testCommand } from './test-command.ts';
import { versionCommand } from './version.ts';
import { windowsServiceCommand } from './windows-service.ts';

/** In the order of `signalbox help`. */
export const COMMANDS: readonly Command[] = [
  explainCommand,
  describeCommand,
  statusCommand,
  diffCommand,
  testCommand,
  clusterCommand,
  migrateCommand,
  windowsServiceCommand,
  versionCommand,
  completionCommand,
  helpCommand,
];
