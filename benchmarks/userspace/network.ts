import { execFileSync } from 'node:child_process';

export function runCommand(command: string, ...args: readonly string[]): void {
  execFileSync(command, args);
}
