/** A backend that is watched, on a kernel whose listings a test can delay, alter and refuse. */
import { backendError, fullChange, type Backend, type DesiredState, type Result } from '@signalbox/core';
import { createManualClock, type ManualClock } from '@signalbox/core/testing';
import { expect } from 'vitest';
import type { IptablesDriver } from '@signalbox/iptables';
import { createFakeIptables, type FakeIptables } from '@signalbox/iptables/testing';
import { createIptablesBackend } from '../sync/iptables-backend.ts';
import { changeBetween, sampleService, sampleState } from './sample-state.ts';

export const SERVICES = Array.from({ length: 5 }, (_, index) => sampleService({ index }));
export const STATE = sampleState(SERVICES);
export const NOTHING = changeBetween(STATE, STATE);

export interface Lab {
  readonly fake: FakeIptables;
  readonly backend: Backend;
  readonly clock: ManualClock;
  readonly heard: string[];
  readonly problems: string[];
  readonly saves: {
    count: number;
    /** Runs after the lines of a listing, before its end. */
    during: () => Promise<void>;
    answer: Result<null> | null;
    /** The duration of each listing in milliseconds. */
    readonly limits: (number | undefined)[];
  };
  readonly stop: () => void;
}

export async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

export async function lab(
  variant: 'nft' | 'legacy' = 'nft',
  state: DesiredState = STATE,
  adapt = (driver: IptablesDriver): IptablesDriver => driver,
): Promise<Lab> {
  const fake = createFakeIptables({ family: 'IPv4', variant });
  const clock = createManualClock();
  const saves: Lab['saves'] = { count: 0, during: async () => undefined, answer: null, limits: [] };
  const driver: IptablesDriver = {
    ...fake.driver,
    async save(onLine, timeLimit) {
      saves.count++;
      saves.limits.push(timeLimit);
      const { during } = saves;
      saves.during = async () => undefined;
      const done = await fake.driver.save(onLine);
      await during();
      return saves.answer ?? done;
    },
  };
  const backend = createIptablesBackend({ family: 'IPv4', driver: adapt(driver), clock });
  const [heard, problems]: [string[], string[]] = [[], []];
  const undo = backend.watch?.(
    (what) => heard.push(what),
    ({ message }) => problems.push(message),
  );
  expect(await backend.sync(fullChange(state))).toMatchObject({ outcome: 'ok' });
  saves.count = 0;
  saves.limits.length = 0;
  return { fake, backend, clock, heard, problems, saves, stop: () => undo?.() };
}

export async function poll({ clock }: Lab): Promise<void> {
  clock.advance(250);
  await settled();
}

/** The error of `iptables-nft-save` where another process keeps committing. */
export const OVER = backendError('timeout', 'iptables-nft-save', 'it did not end', { kernel: 'unchanged' });

export const HARMLESS = '*filter\n-A INPUT -j ACCEPT\nCOMMIT\n';
