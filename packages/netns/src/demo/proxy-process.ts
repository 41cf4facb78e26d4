/** What the demos know about the process of the proxy. */
import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';

export function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

const LINES = 15;

/** The last lines of the log, or why it cannot be read: it is part of the message of another error. */
export function endOfLog(file: string): string {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-LINES).join('\n');
  } catch (error) {
    return (error as Error).message;
  }
}
