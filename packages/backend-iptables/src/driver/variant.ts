/** Which of the two implementations of iptables this node uses (G34). */
import type { Family } from '@signalbox/core';
import { backendError } from '@signalbox/core';
import { failure, success, type DriverResult, type ToolFacts, type Variant } from './iptables-driver.ts';
import type { ToolEnd } from './run-tool.ts';
import { isExit, queryError } from './tool-errors.ts';

export type Run = (command: readonly string[]) => Promise<ToolEnd>;

/** Names of the programs, by purpose. */
export interface Programs {
  readonly main: string;
  readonly save: string;
  readonly restore: string;
}

export interface Tool {
  readonly programs: Programs;
  readonly facts: ToolFacts;
  /** Its restore can wait for the lock (`-w`). */
  readonly restoreWaits: boolean;
}

export function programs(family: Family, variant: Variant | 'default'): Programs {
  const base = family === 'IPv4' ? 'iptables' : 'ip6tables';
  const main = variant === 'default' ? base : `${base}-${variant}`;
  return { main, save: `${main}-save`, restore: `${main}-restore` };
}

/** Asks one set of programs what they are. */
export async function describeTool(run: Run, names: Programs): Promise<DriverResult<Tool>> {
  const end = await run([names.main, '--version']);
  if (!isExit(end) || end.status !== 0) return failure(queryError(`${names.main} --version`, end));
  const found = /v(\d+)\.(\d+)\.(\d+)(?: \((\w+)\))?/.exec(end.stdout);
  if (found === null) {
    return failure(
      backendError('protocol', `${names.main} --version`, `cannot read ${JSON.stringify(end.stdout)}`, {
        kernel: 'unchanged',
      }),
    );
  }
  const [major = 0, minor = 0, patch = 0] = found.slice(1, 4).map(Number);
  const variant: Variant = found[4] === 'nf_tables' ? 'nft' : 'legacy';
  const since162 = major * 1e6 + minor * 1e3 + patch >= 1_006_002;
  return success({
    programs: names,
    facts: { variant, version: `${major}.${minor}.${patch}`, randomFully: since162 },
    restoreWaits: since162,
  });
}

/**
 * The variant that the node's kubelet uses, told by its chains in mangle; else the one that holds more rules;
 * else whatever the plain name `iptables` is.
 */
export async function detectTool(run: Run, family: Family): Promise<DriverResult<Tool>> {
  const nft = await usage(run, programs(family, 'nft'));
  const legacy = await usage(run, programs(family, 'legacy'));
  const chosen = await describeTool(run, programs(family, chooseVariant(nft, legacy)));
  if (chosen.ok) return chosen;
  // Nothing goes by the plain name: any that is installed will do.
  const [only] = [nft === null ? [] : ['nft' as const], legacy === null ? [] : ['legacy' as const]].flat();
  return only === undefined ? chosen : describeTool(run, programs(family, only));
}

/** What one variant holds; `null` if it is not installed. */
export interface Usage {
  readonly kubelet: boolean;
  readonly rules: number;
}

export function chooseVariant(nft: Usage | null, legacy: Usage | null): Variant | 'default' {
  if (nft?.kubelet === true) return 'nft';
  if (legacy?.kubelet === true) return 'legacy';
  const nftRules = nft?.rules ?? 0;
  const legacyRules = legacy?.rules ?? 0;
  if (nftRules === legacyRules) return 'default';
  return nftRules > legacyRules ? 'nft' : 'legacy';
}

const KUBELET_CHAINS = /^:(KUBE-KUBELET-CANARY|KUBE-IPTABLES-HINT) /m;

async function usage(run: Run, names: Programs): Promise<Usage | null> {
  // Without a table's name it lists what exists; with one, the legacy variant would bring the table to life.
  const end = await run([names.save]);
  if (!isExit(end) || end.status !== 0) return null;
  return {
    kubelet: KUBELET_CHAINS.test(end.stdout),
    rules: end.stdout.split('\n').filter((line) => line.startsWith('-A ')).length,
  };
}
