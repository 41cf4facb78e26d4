/** Every change between iptables mode in both variants and nftables mode, at a start and in a running process. */
import { expect, it } from 'vitest';
import type { Kind } from './mode-changes.ts';
import { describeChanges, expectRefused, useModeRig } from './mode-suite.ts';
import { onNode, type ModeRig } from './mode-world.ts';
import { startSignalbox } from './node-processes.ts';

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

const rig = useModeRig({ syncPeriod: '3s', pace: 10, countsRepeatedSyns: true }, (on) =>
  moveKubelet(on, 'nft'),
);

describeChanges(KINDS, rig);

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

it('F91: a mode that the node cannot run changes nothing, and is one error', () =>
  expectRefused(rig(), 'ipvs', /err="no IPv4 and no IPv6.*ipvs: .*mode="ipvs"/));
