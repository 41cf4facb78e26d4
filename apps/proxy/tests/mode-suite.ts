/** The cases that every set of proxy modes has in common, with real connections. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { changeMode, followsChanges, walk, type How, type Kind } from './mode-changes.ts';
import {
  buildModeRig,
  closeModeRig,
  get,
  startProxy,
  writeConfig,
  type ModeRig,
  type Speed,
} from './mode-world.ts';
import { eventually } from './node-processes.ts';

/** The rig of a test file, whose proxy starts in iptables mode after `prepare`. */
export function useModeRig(speed: Speed, prepare?: (rig: ModeRig) => Promise<void>): () => ModeRig {
  const held: { rig: ModeRig | null } = { rig: null };
  beforeAll(async () => {
    held.rig = await buildModeRig(speed);
    await prepare?.(held.rig);
    await startProxy(held.rig, 'iptables');
  });
  afterAll(async () => {
    if (held.rig !== null) await closeModeRig(held.rig);
  });
  return () => {
    if (held.rig === null) throw new Error('the world was not built');
    return held.rig;
  };
}

/** Every ordered pair of `kinds`, at a start and in a running process. */
export function describeChanges(
  kinds: readonly Kind[],
  rig: () => ModeRig,
  ways: readonly How[] = ['at start', 'live'],
): void {
  describe.each(ways.flatMap((how) => walk(kinds, how)))(
    'F86: from $from.name to $to.name, $how',
    (change) => {
      it('fails no connection, and leaves nothing of the former mode', async () => {
        const others = kinds.filter((each) => each !== change.to);
        await changeMode(rig(), change, others);
      });

      it('is followed by changes of Services', async () => {
        await followsChanges(rig());
      });
    },
  );
}

/** A mode that this node cannot run, after the changes, which end in iptables mode. */
export async function expectRefused(rig: ModeRig, mode: string, reason: RegExp): Promise<void> {
  const errors = (): readonly string[] => rig.proxy?.log().match(/Failed to change the proxy mode.*/g) ?? [];
  writeConfig(rig, mode);
  await eventually(
    () => Promise.resolve(errors()),
    (lines) => lines.length > 0,
  );
  expect(errors()).toEqual([expect.stringMatching(reason)]);
  expect((await get(rig, '10249/proxyMode')).body).toBe('iptables');
  await followsChanges(rig);
}
