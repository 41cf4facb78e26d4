import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { podSetup } from './layout.ts';
import { setUpScript } from './script.ts';

const pod = { name: 'pod-9', addresses: ['10.244.1.9'] };
const script = setUpScript({
  setups: [podSetup('ns-9', pod)],
  cables: ['link add veth0 netns node type veth peer name eth0 netns ns-9'],
  ends: [{ namespace: 'node', ip: ['link set veth0 up'] }],
});

/** Runs the script with an `ip` that only prints its arguments; `nft` fails if `without` it. */
function commandsOf(without: 'nothing' | 'nft'): readonly string[] {
  const fake = `ip() { echo "ip $*"; cat >/dev/null; [ "$4" != ${without} ]; }\n`;
  const { stdout, status, stderr } = spawnSync('sh', ['-e'], { input: fake + script, encoding: 'utf8' });
  expect([status, stderr]).toEqual([0, '']);
  return stdout.trim().split('\n');
}

describe('the script that sets namespaces up', () => {
  it('creates namespaces, their settings, veth pairs, addresses, and rules that keep closed ports silent', () => {
    expect(commandsOf('nothing')).toEqual([
      'ip -batch -',
      'ip netns exec ns-9 sh -e',
      'ip -batch -',
      'ip -n node -batch -',
      'ip -n ns-9 -batch -',
      'ip netns exec ns-9 nft -f -',
    ]);
  });

  it('falls back to iptables where there is no nftables', () => {
    expect(commandsOf('nft').slice(-3)).toEqual([
      'ip netns exec ns-9 nft -f -',
      'ip netns exec ns-9 iptables-legacy-restore',
      'ip netns exec ns-9 ip6tables-legacy-restore',
    ]);
  });
});
