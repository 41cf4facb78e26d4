/**
 * The set-up of namespaces as one shell script. One child process instead of five a namespace: in User-Mode Linux
 * starting a process from Node takes longer than its work.
 */
import type { Setup } from './layout.ts';

const NFT = `table inet quiet {
  chain output {
    type filter hook output priority 0;
    tcp flags & rst == rst tcp sequence 0 drop
    icmp type destination-unreachable drop
    icmpv6 type destination-unreachable drop
  }
}`;

function legacy(unreachable: string): string {
  return `*filter
-A OUTPUT -p tcp --tcp-flags RST,ACK RST,ACK -j DROP
-A OUTPUT -p ${unreachable} -j DROP
COMMIT`;
}

/** `text` as the standard input of `command`; `then` follows it. */
function feed(command: string, text: string, then = ''): string {
  return `${command} <<'END' ${then}\n${text}\nEND`;
}

/**
 * A closed port answers with RST and sequence number 0; an aborted connection with another, and that one must
 * arrive. Where the kernel has no nftables (Debian's User-Mode Linux) iptables is used, less exactly.
 */
const FUNCTIONS = `silence() {
${feed('  ip netns exec "$1" nft -f - 2>/dev/null', NFT, '&& return')}
${feed('  ip netns exec "$1" iptables-legacy-restore', legacy('icmp --icmp-type destination-unreachable'))}
${feed('  ip netns exec "$1" ip6tables-legacy-restore', legacy('icmpv6 --icmpv6-type destination-unreachable'))}
}`;

function setting([name, value]: readonly [string, string]): string {
  const file = `/proc/sys/net/${name}`;
  // br_netfilter is a module: where it is not loaded there is nothing to set.
  const unlessAbsent = name.startsWith('bridge/') ? `[ ! -e ${file} ] || ` : '';
  return `${unlessAbsent}echo ${value} > ${file}`;
}

function batch(command: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : [feed(`${command} -batch -`, lines.join('\n'))];
}

export interface Wiring {
  readonly setups: readonly Setup[];
  /** `ip -batch` lines that make the interfaces. */
  readonly cables: readonly string[];
  /** Namespace → `ip -batch` lines for the peer ends of the veth pairs. */
  readonly ends: readonly { readonly namespace: string; readonly ip: readonly string[] }[];
}

/** For `sh -e`. Settings come before the interfaces: interfaces copy the defaults when they are made. */
export function setUpScript({ setups, cables, ends }: Wiring): string {
  const settings = setups.map(({ namespace, settings }) =>
    feed(`ip netns exec ${namespace} sh -e`, Object.entries(settings).map(setting).join('\n')),
  );
  const network = setups.flatMap(({ namespace, ip, ip6, closedPorts }) => [
    ...batch(`ip -n ${namespace}`, ip),
    ...batch(`ip -6 -n ${namespace}`, ip6),
    ...(closedPorts === 'silent' ? [`silence ${namespace}`] : []),
  ]);
  const lines = [
    FUNCTIONS,
    ...batch(
      'ip',
      setups.map(({ namespace }) => `netns add ${namespace}`),
    ),
    ...settings,
    ...batch('ip', cables),
    ...ends.flatMap(({ namespace, ip }) => batch(`ip -n ${namespace}`, ip)),
    ...network,
  ];
  return `${lines.join('\n')}\n`;
}
