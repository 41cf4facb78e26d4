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
import { eventually, startSignalbox } from './node-processes.ts';

const held: { rig: ModeRig | null } = { rig: null };
const rig = (): ModeRig => {
  if (held.rig === null) throw new Error('the world was not built');
  return held.rig;
};

/** What `migrate -o json` prints, in part. */
interface Plan {
  readonly removed: readonly string[];
  readonly differences: readonly { readonly about: string }[];
}

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

it('signalbox migrate reads what another mode would remove, and changes nothing', async () => {
  const { world, folder } = rig();
  const before = await kubeChains(rig(), 'nft');
  const flags = [`--manifests=${folder}`, '--hostname-override=node-a', '--proxy-mode=iptables'];
  const asked = startSignalbox(world.node, ['migrate', '--to=nftables', '--dry-run', '-o', 'json', ...flags]);
  expect(await asked.ended).toBe(2);
  const plan = JSON.parse(asked.log().replace(/^[^{]*/, '')) as Plan;
  expect(plan.removed).toContainEqual(
    expect.stringMatching(/^iptables mode: \d+ chains in table nat \(nft\), IPv4$/),
  );
  expect(plan.differences.map(({ about }) => about)).toContain('node-ports');
  expect(await kubeChains(rig(), 'nft')).toEqual(before);
});

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
