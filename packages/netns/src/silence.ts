/** Makes the closed ports of a namespace silent, with whichever packet filter the kernel has. */
import { inNamespace, runCommand } from './commands.ts';

// A closed port answers with RST and sequence number 0; an aborted connection with another: that one must arrive.
const NFT = `table inet quiet {
  chain output {
    type filter hook output priority 0;
    tcp flags & rst == rst tcp sequence 0 drop
    icmp type destination-unreachable drop
    icmpv6 type destination-unreachable drop
  }
}
`;

function legacy(unreachable: string): string {
  return `*filter
-A OUTPUT -p tcp --tcp-flags RST RST -j DROP
-A OUTPUT -p ${unreachable} -j DROP
COMMIT
`;
}

/** nftables; where the kernel has none (Debian's User-Mode Linux), the tables that came before it. */
export async function silenceClosedPorts(namespace: string): Promise<void> {
  const prefix = inNamespace(namespace);
  try {
    await runCommand([...prefix, 'nft', '-f', '-'], NFT);
  } catch {
    await runCommand(
      [...prefix, 'iptables-legacy-restore'],
      legacy('icmp --icmp-type destination-unreachable'),
    );
    await runCommand(
      [...prefix, 'ip6tables-legacy-restore'],
      legacy('icmpv6 --icmpv6-type destination-unreachable'),
    );
  }
}
