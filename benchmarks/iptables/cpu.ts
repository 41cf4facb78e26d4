import { readFileSync } from 'node:fs';
import { cpuUsage } from 'node:process';

/** The kernel counts the time of children in hundredths of a second. */
const TICK_MS = 10;

function childrenCpu(): number {
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[13]) + Number(fields[14])) * TICK_MS;
}

/** Milliseconds of user and system time of this process so far, and of its children that have ended. */
export function cpu(): number {
  const { user, system } = cpuUsage();
  return (user + system) / 1000 + childrenCpu();
}
