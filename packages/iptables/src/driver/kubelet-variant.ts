/** The variant of iptables that the node's kubelet writes with, queried again while a proxy runs. */
import { readFile } from 'node:fs/promises';
import { type Family, type Result, succeed } from '@signalbox/core';
import type { IptablesDriver, Variant } from './iptables-driver.ts';

/** In mangle, while kubelet runs; older releases have the first one only. */
export const KUBELET_CHAINS = ['KUBE-KUBELET-CANARY', 'KUBE-IPTABLES-HINT'] as const;

/** Files that name the tables of the legacy variant that are in use. A query of another table would make the tool create it. */
export const LEGACY_TABLES: Readonly<Record<Family, string>> = {
  IPv4: '/proc/net/ip_tables_names',
  IPv6: '/proc/net/ip6_tables_names',
};

/** The variant that has kubelet's chains now, if that of `driver` has none; `null`: they did not move. */
export async function kubeletMovedTo(
  driver: IptablesDriver,
  readTables: () => Promise<string> = () => readFile(LEGACY_TABLES.IPv4, 'utf8').catch(() => ''),
): Promise<Result<Variant | null>> {
  const tool = await driver.probe();
  if (!tool.ok) return tool;
  const other: Variant = tool.value.variant === 'nft' ? 'legacy' : 'nft';
  if (other === 'legacy' && !/^mangle$/m.test(await readTables())) return succeed(null);
  const here = await hasKubeletChains(driver);
  if (!here.ok || here.value) return here.ok ? succeed(null) : here;
  const otherDriver = await driver.otherVariant();
  if (otherDriver === null) return succeed(null);
  const there = await hasKubeletChains(otherDriver);
  await otherDriver.close();
  return there.ok ? succeed(there.value ? other : null) : there;
}

async function hasKubeletChains(driver: IptablesDriver): Promise<Result<boolean>> {
  for (const chain of KUBELET_CHAINS) {
    const found = await driver.hasChain('mangle', chain);
    if (!found.ok || found.value) return found;
  }
  return succeed(false);
}
