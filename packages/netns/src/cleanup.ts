/** Namespaces outlive processes: this removes them at the end, on signals, and after runs that were killed. */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { ipBatch, runCommand } from './commands.ts';

const NAME = /^sbx-(\d+)-[0-9a-f]+-/;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Prefix of the names of one world: the process that it belongs to, and a part that is unique in the process. */
export function worldPrefix(): string {
  return `sbx-${process.pid}-${randomBytes(3).toString('hex')}-`;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Removes the namespaces of processes that no longer run. Returns their names. */
export async function sweep(): Promise<readonly string[]> {
  const listed = await runCommand(['ip', 'netns', 'list']);
  const names = listed.split('\n').map((line) => line.split(' ')[0] ?? '');
  const left = names.filter((name) => {
    const pid = NAME.exec(name)?.[1];
    return pid !== undefined && !isAlive(Number(pid));
  });
  await ipBatch(left.map((name) => `netns del ${name}`));
  return left;
}

/**
 * Removes what `names` returns when the process ends, however it ends (SIGKILL aside: `sweep`). Returns the
 * undo.
 */
export function removeAtExit(names: () => readonly string[]): () => void {
  const remove = (): void => {
    const lines = names().map((name) => `netns del ${name}`);
    if (lines.length > 0) spawnSync('ip', ['-force', '-batch', '-'], { input: `${lines.join('\n')}\n` });
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    undo();
    remove();
    // No other handler is installed: the signal has its default effect.
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  };
  const undo = (): void => {
    process.off('exit', remove);
    for (const signal of SIGNALS) process.off(signal, onSignal);
  };
  process.on('exit', remove);
  for (const signal of SIGNALS) process.on(signal, onSignal);
  return undo;
}
