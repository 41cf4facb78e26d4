/** Every change between ipvs mode and iptables mode, at a start and in a running process. This kernel has no nf_tables. */
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

const ONLY_IPTABLES =
  /^KUBE-(PROXY-CANARY|NODEPORTS.*|EXTERNAL-SERVICES|(SVC|SVL|EXT|FW|SEP)-.*)$|^filter KUBE-(SERVICES|PROXY-FIREWALL)$/;
const ONLY_IPVS =
  /^(nat KUBE-(LOAD-BALANCER|NODE-PORT|MARK-MASQ-.*)|mangle KUBE-.*FIREWALL|mangle KUBE-DROP.*|filter KUBE-(NODE-PORT|IPVS-.*))$/;

/** `table chain` of each chain, and what jumps to it from the kernel's own. */
async function chains(on: ModeRig): Promise<readonly string[]> {
  const saved = await onNode(on, 'iptables-legacy-save');
  return saved.split('*').flatMap((text) => {
    const [table = '', ...lines] = text.split('\n');
    return lines.flatMap((line) => /^:(KUBE-\S+)/.exec(line)?.[1] ?? []).map((chain) => `${table} ${chain}`);
  });
}

const IPTABLES: Kind = {
  name: 'iptables',
  mode: 'iptables',
  remains: async (on) => {
    const all = await chains(on);
    return all.filter((text) => ONLY_IPTABLES.test(text) || ONLY_IPTABLES.test(text.split(' ')[1] ?? ''));
  },
};

/** Virtual servers stay while connections use them; none of them accepts new ones. */
const IPVS: Kind = {
  name: 'ipvs',
  mode: 'ipvs',
  remains: async (on) => {
    const servers = await onNode(on, 'ipvsadm', '-L', '-n');
    const sets = await onNode(on, 'ipset', 'list', '-n');
    return [
      ...(await chains(on)).filter((text) => ONLY_IPVS.test(text)),
      ...servers.split('\n').filter((line) => /->.* Masq +[1-9]/.test(line)),
      ...sets.split('\n').filter((name) => name.startsWith('KUBE-')),
    ];
  },
};

const KINDS = [IPTABLES, IPVS];

beforeAll(async () => {
  held.rig = await buildModeRig({ syncPeriod: '30s', pace: 200, countsRepeatedSyns: false });
  // This kernel has nf_tables without the families that iptables-nft needs.
  for (const tool of ['iptables-legacy', 'ip6tables-legacy'])
    await onNode(held.rig, tool, '-t', 'mangle', '-N', 'KUBE-IPTABLES-HINT');
  await startProxy(held.rig, 'iptables');
});
afterAll(async () => {
  if (held.rig !== null) await closeModeRig(held.rig);
});

describe.each([...walk(KINDS, 'at start'), ...walk(KINDS, 'live')])(
  'F86: from $from.name to $to.name, $how',
  (change) => {
    it('fails no connection, and leaves nothing of the former mode', async () => {
      await changeMode(
        rig(),
        change,
        KINDS.filter((each) => each !== change.to),
      );
    });

    it('is followed by changes of Services', async () => {
      await followsChanges(rig());
    });
  },
);

it('F91: a mode that the node cannot run changes nothing, and is one error', async () => {
  const errors = (): readonly string[] =>
    rig()
      .proxy?.log()
      .match(/Failed to change the proxy mode.*/g) ?? [];
  writeConfig(rig(), 'nftables');
  await eventually(
    () => Promise.resolve(errors()),
    (lines) => lines.length > 0,
  );
  expect(errors()).toEqual([expect.stringMatching(/err="no IPv4.*mode="nftables"/)]);
  expect((await get(rig(), '10249/proxyMode')).body).toBe('iptables');
  await followsChanges(rig());
});
