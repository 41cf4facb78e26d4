/** Rules that another proxy mode may have left on this node. */
import { spawn } from 'node:child_process';
import {
  backendError,
  FAMILIES,
  NOTHING_DONE,
  type Backend,
  type CleanupResult,
  type Family,
} from '@signalbox/core';

const NFT_FAMILY: Readonly<Record<Family, string>> = { IPv4: 'ip', IPv6: 'ip6' };

/** Enough of a backend to clean up after nftables mode: its tables, which bear kube-proxy's name. */
export function nftablesCleaners(): readonly Backend[] {
  return FAMILIES.map((family) => ({
    mode: 'nftables',
    family,
    sync: () => Promise.resolve(NOTHING_DONE),
    observe: () => Promise.resolve({ outcome: 'ok', drift: [] } as const),
    cleanup: () => deleteTable(family),
    close: () => Promise.resolve(),
  }));
}

async function deleteTable(family: Family): Promise<CleanupResult> {
  const table = `${NFT_FAMILY[family]} kube-proxy`;
  const { status, error } = await nft(['delete', 'table', ...table.split(' ')]);
  if (status === 0) return { outcome: 'ok', removed: [`table ${table}`] };
  if (/No such file or directory/.test(error)) return { outcome: 'ok', removed: [] };
  const code = status === null ? 'unavailable' : 'rejected';
  return { outcome: 'failed', error: backendError(code, `nft delete table ${table}`, error) };
}

/** `status` is null when nft could not be run at all. */
function nft(words: readonly string[]): Promise<{ status: number | null; error: string }> {
  return new Promise((resolve) => {
    const child = spawn('nft', [...words], { stdio: ['ignore', 'ignore', 'pipe'], timeout: 30_000 });
    let error = '';
    child.stderr.on('data', (chunk) => (error += String(chunk)));
    child.once('error', ({ message }) => resolve({ status: null, error: message }));
    child.once('close', (status) => resolve({ status, error: error.trim().split('\n')[0] ?? '' }));
  });
}
