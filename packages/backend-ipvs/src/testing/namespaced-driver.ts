import { spawn, type ChildProcess } from 'node:child_process';
import { release } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import type { Variant } from '@signalbox/iptables';
import type { Family } from '@signalbox/core';
import type { IpvsDriver } from '../driver/ipvs-driver.ts';
import type { DriverAnswer, DriverMethod } from './driver-protocol.ts';

export interface NamespacedDriverOptions {
  readonly family: Family;
  /** The command line that runs what follows it in the namespace: `['ip', 'netns', 'exec', 'node']`. */
  readonly prefix: readonly string[];
  readonly variant: Variant;
}

const CHILD = path.join(import.meta.dirname, 'driver-child.ts');

/** The netlink driver in another network namespace; its process starts at the first call. */
export function createNamespacedDriver(options: NamespacedDriverOptions): IpvsDriver {
  const waiting = new Map<number, (value: unknown) => void>();
  const held: { child: ChildProcess | null; next: number } = { child: null, next: 0 };
  const start = (): ChildProcess => {
    const child = startChild(options);
    child.on('message', (message) => {
      const { id, value } = message as DriverAnswer;
      waiting.get(id)?.(value);
      waiting.delete(id);
    });
    return child;
  };
  const ask =
    <M extends DriverMethod>(method: M) =>
    (...args: Parameters<IpvsDriver[M]>): ReturnType<IpvsDriver[M]> => {
      held.child ??= start();
      held.next += 1;
      const id = held.next;
      const answer = new Promise((resolve) => waiting.set(id, resolve));
      held.child.send({ id, method, args });
      return answer as ReturnType<IpvsDriver[M]>;
    };
  return {
    kernelRelease: release,
    knowsRandomFully: ask('knowsRandomFully'),
    readSysctl: ask('readSysctl'),
    writeSysctl: ask('writeSysctl'),
    probe: ask('probe'),
    setTimeouts: ask('setTimeouts'),
    observe: ask('observe'),
    programDrift: ask('programDrift'),
    status: ask('status'),
    apply: ask('apply'),
    removeProgram: ask('removeProgram'),
    close: async () => {
      held.child?.disconnect();
      held.child = null;
    },
  };
}

function startChild({ family, prefix, variant }: NamespacedDriverOptions): ChildProcess {
  const command = [...prefix, process.execPath, '--conditions=signalbox-source', CHILD, family, variant];
  const [file = '', ...args] = command;
  return spawn(file, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], serialization: 'advanced' });
}
