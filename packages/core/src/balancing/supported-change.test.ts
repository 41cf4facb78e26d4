import { describe, expect, it } from 'vitest';
import type { SyncResult } from '../backend.ts';
import { clusterIP, desiredState } from '../desired/small-state.ts';
import { fullChange, type DesiredChange } from '../desired/desired-change.ts';
import { checkedChange, validatedSync } from '../desired/validate-change.ts';
import type { BalancingAlgorithm } from '../model/balancing.ts';

const SUPPORT = { algorithms: ['random'], default: 'random', weights: false } as const;
const OK: SyncResult = { outcome: 'ok', scope: 'full', failures: [], repaired: [], counters: {} };

function web(balancing?: BalancingAlgorithm) {
  return clusterIP('10.96.0.10:80', ['10.244.1.5:8080'], balancing === undefined ? {} : { balancing });
}

function step(before: ReturnType<typeof web>, after: ReturnType<typeof web>): DesiredChange {
  const change = fullChange(desiredState('IPv4', [before]));
  const servicePorts = { added: [], changed: [{ before, after }], removed: [] };
  return { ...change, kind: 'incremental', nodeChanged: false, servicePorts };
}

function recordingSync() {
  const seen: DesiredChange[] = [];
  const sync = validatedSync('IPv4', (change) => Promise.resolve((seen.push(change), OK)), SUPPORT);
  return { seen, sync };
}

describe('a load-balancing algorithm', () => {
  it('that the backend does not support is the default for the backend', async () => {
    const { seen, sync } = recordingSync();
    await sync(fullChange(desiredState('IPv4', [web('maglev')])));
    expect(seen[0]?.servicePorts.added).toEqual([web()]);
  });

  it('that the backend supports reaches it, in the same object', async () => {
    const { seen, sync } = recordingSync();
    const port = web('random');
    await sync(fullChange(desiredState('IPv4', [port])));
    expect(seen[0]?.servicePorts.added[0]).toBe(port);
  });

  it('has one object for one service port, as added and as removed', async () => {
    const { seen, sync } = recordingSync();
    const port = web('maglev');
    const change = fullChange(desiredState('IPv4', [port]));
    await sync(change);
    const servicePorts = { added: [], changed: [], removed: [port] };
    await sync({ ...change, kind: 'incremental', nodeChanged: false, servicePorts });
    expect(seen[1]?.servicePorts.removed[0]).toBe(seen[0]?.servicePorts.added[0]);
  });

  it('that changes from one unsupported value to another is no change', async () => {
    const { seen, sync } = recordingSync();
    const [before, after] = [web('maglev'), web('least-connections')];
    await sync(fullChange(desiredState('IPv4', [before])));
    await sync(step(before, after));
    expect(seen[1]?.servicePorts.changed).toEqual([]);
  });

  it('that becomes supported is a change', async () => {
    const { seen, sync } = recordingSync();
    const [before, after] = [web('maglev'), web('random')];
    await sync(fullChange(desiredState('IPv4', [before])));
    await sync(step(before, after));
    expect(seen[1]?.servicePorts.changed).toEqual([{ before: web(), after }]);
  });

  it('is the default in a dry run of a backend without it', () => {
    const checked = checkedChange(desiredState('IPv4', [web('maglev')]), SUPPORT);
    expect(checked).toMatchObject({ ok: true, value: { servicePorts: { added: [{ balancing: null }] } } });
  });
});
