/** Every change between iptables mode in both variants and nftables mode, at a start and in a running process. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { changeMode, followsChanges, walk, type Kind } from './mode-changes.ts';
import {
  buildModeRig,
  closeModeRig,
  get,
  onNode,
  startProxy,
  writeConfig,
  type ModeRig,
} from './mode-world.ts';
import { eventually } from './node-processes.ts';

const held: { rig: ModeRig | null } = { rig: null };
const rig = (): ModeRig => {
  if (held.rig === null) throw new Error('the world was not built');
  return held.rig;
};

const HINT = 'KUBE-IPTABLES-HINT';

/** kubelet keeps a chain of this name in the variant that it writes with. */
async function moveKubelet(on: ModeRig, to: string): Promise<void> {
  const other = to === 'nft' ? 'legacy' : 'nft';
  await onNode(on, `iptables-${to}`, '-t', 'mangle', '-N', HINT).catch(() => undefined);
  await onNode(on, `iptables-${other}`, '-t', 'mangle', '-X', HINT).catch(() => undefined);
}

/** Of KUBE-FIREWALL kubelet is the owner. */
async function kubeChains(on: ModeRig, variant: string): Promise<readonly string[]> {
  const saved = await onNode(on, `iptables-${variant}-save`);
  return [...saved.matchAll(/^:(KUBE-\S+)/gm)]
    .map(([, chain = '']) => chain)
    .filter((chain) => ![HINT, 'KUBE-FIREWALL'].includes(chain));
}

const iptables = (variant: string): Kind => ({
  name: `iptables-${variant}`,
  mode: 'iptables',
  prepare: (on) => moveKubelet(on, variant),
  remains: (on) => kubeChains(on, variant),
});

const NFTABLES: Kind = {
  name: 'nftables',
  mode: 'nftables',
  remains: async (on) =>
    (await onNode(on, 'nft', 'list', 'tables')).split('\n').filter((table) => table.includes('kube-proxy')),
};

const KINDS = [iptables('nft'), iptables('legacy'), NFTABLES];

beforeAll(async () => {
  held.rig = await buildModeRig({ syncPeriod: '3s', pace: 10, countsRepeatedSyns: true });
  await moveKubelet(held.rig, 'nft');
  await startProxy(held.rig, 'iptables');
});
afterAll(async () => {
  if (held.rig !== null) await closeModeRig(held.rig);
});

const others = (kind: Kind): readonly Kind[] => KINDS.filter((each) => each !== kind);

describe.each([...walk(KINDS, 'at start'), ...walk(KINDS, 'live')])(
  'F86: from $from.name to $to.name, $how',
  (change) => {
    it('fails no connection, and leaves nothing of the former mode', async () => {
      await changeMode(rig(), change, others(change.to));
    });

    it('is followed by changes of Services', async () => {
      await followsChanges(rig());
    });
  },
);

it('F91: a mode that the node cannot run changes nothing, and is one error', async () => {
  const failures = (): readonly string[] =>
    rig()
      .proxy?.log()
      .match(/Failed to change the proxy mode.*/g) ?? [];
  writeConfig(rig(), 'ipvs');
  await eventually(
    () => Promise.resolve(failures()),
    (lines) => lines.length > 0,
  );
  expect(failures()).toEqual([expect.stringMatching(/err="no IPv4 and no IPv6.*ipvs: .*mode="ipvs"/)]);
  expect((await get(rig(), '10249/proxyMode')).body).toBe('iptables');
  await followsChanges(rig());
});
