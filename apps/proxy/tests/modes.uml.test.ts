/** Every change between ipvs mode and iptables mode, at a start and in a running process. This kernel has no ip families of nf_tables. */
import { it } from 'vitest';
import type { Kind } from './mode-changes.ts';
import { describeChanges, expectRefused, useModeRig } from './mode-suite.ts';
import { onNode, type ModeRig } from './mode-world.ts';

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
  takesNoAffinity: true,
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

const rig = useModeRig({ syncPeriod: '30s', pace: 200, countsRepeatedSyns: false });

describeChanges(KINDS, rig);

it('F91: a mode that the node cannot run changes nothing, and is one error', () =>
  expectRefused(rig(), 'nftables', /err="no IPv4.*mode="nftables"/));
