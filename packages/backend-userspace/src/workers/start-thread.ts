import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import type { Worker } from 'node:worker_threads';
import type { WorkerSetup } from './protocol.ts';

export type StartThread = (setup: WorkerSetup) => Worker;

/** Beside this module, and with its extension: as source or as built. */
export const startThread: StartThread = (workerData) => {
  const extension = path.extname(import.meta.url);
  const file = fileURLToPath(new URL(`./userspace-worker${extension}`, import.meta.url));
  const name = `userspace ${workerData.seat.thread}`;
  // Not imported: the module takes 1.3 MB, in every process that loads this file.
  const { Worker: Thread } = process.getBuiltinModule('node:worker_threads');
  return new Thread(file, {
    name,
    workerData,
    ...(extension === '.ts' ? { execArgv: ['--conditions=signalbox-source'] } : {}),
  });
};

/** Why the sockets of several threads cannot listen on one port here; `null`: they can. */
export function whyNoWorkers(
  platform: string = process.platform,
  version: string = process.versions.node,
): string | null {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const hasReusePort = major >= 24 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12);
  if (!hasReusePort) return `Node.js ${version} cannot share a listening port between threads, 22.12 can`;
  return platform === 'linux' ? null : `on ${platform}, threads cannot share a listening port`;
}
