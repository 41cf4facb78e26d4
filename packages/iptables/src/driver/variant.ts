/** Which of the two implementations of iptables this node uses. */
import { fail, type Family, type Result, succeed } from '@signalbox/core';
import { backendError } from '@signalbox/core';
import { type ToolFacts, type Variant } from './iptables-driver.ts';
import { KUBELET_CHAINS } from './kubelet-variant.ts';
import { hasNftFamily, type HasNftFamily } from './nft-family.ts';
import { saveTables, type Execute, type Programs } from './save-tables.ts';
import { isExit, queryError } from './tool-errors.ts';

export type Run = Execute;

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

/** Queries the version of one set of programs. */
export async function describeTool(run: Run, names: Programs): Promise<Result<Tool>> {
  const end = await run([names.main, '--version']);
  if (!isExit(end) || end.status !== 0) return fail(queryError(`${names.main} --version`, end));
  const found = /v(\d+)\.(\d+)\.(\d+)(?: \((\w+)\))?/.exec(end.stdout);
  if (found === null) {
    return fail(
      backendError('protocol', `${names.main} --version`, `cannot read ${JSON.stringify(end.stdout)}`, {
        kernel: 'unchanged',
      }),
    );
  }
  const [major = 0, minor = 0, patch = 0] = found.slice(1, 4).map(Number);
  const variant: Variant = found[4] === 'nf_tables' ? 'nft' : 'legacy';
  const since162 = major * 1e6 + minor * 1e3 + patch >= 1_006_002;
  return succeed({
    programs: names,
    facts: { variant, version: `${major}.${minor}.${patch}`, randomFully: since162 },
    restoreWaits: since162,
  });
}

/**
 * The variant that the node's kubelet uses, recognized by its chains in mangle; else the one that holds more rules;
 * else the one that the plain name `iptables` runs. Never one that this kernel lacks while it has the other: from
 * Linux 6.17 the legacy tables are often absent, and the legacy program then lists nothing and exits with status 0; and a
 * kernel may have nf_tables without the family.
 */
export async function detectTool(
  run: Run,
  family: Family,
  hasFamily: HasNftFamily = hasNftFamily,
): Promise<Result<Tool>> {
  const nft = await usage(run, programs(family, 'nft'));
  const legacy = await usage(run, programs(family, 'legacy'));
  const chosen = await describeChosen(run, family, chooseVariant(nft, legacy));
  if (chosen.ok) {
    const isMissing = async (tool: Tool): Promise<boolean> =>
      (await isMissingInKernel(run, tool)) ||
      (tool.facts.variant === 'nft' && isEmpty(nft) && !(await hasFamily(family)));
    if (!(await isMissing(chosen.value))) return chosen;
    const variant = chosen.value.facts.variant === 'nft' ? 'legacy' : 'nft';
    const other = await describeTool(run, programs(family, variant));
    return other.ok && !(await isMissing(other.value)) ? other : chosen;
  }
  // No program has the plain name: any installed one is used.
  const [only] = [nft === null ? [] : ['nft' as const], legacy === null ? [] : ['legacy' as const]].flat();
  return only === undefined ? chosen : describeTool(run, programs(family, only));
}

/** The plain name can be a script that selects a variant at each call: its choice is used by the name of the variant. */
async function describeChosen(run: Run, family: Family, name: Variant | 'default'): Promise<Result<Tool>> {
  const chosen = await describeTool(run, programs(family, name));
  if (!chosen.ok || name !== 'default') return chosen;
  const { variant } = chosen.value.facts;
  const named = await describeTool(run, programs(family, variant));
  return named.ok && named.value.facts.variant === variant ? named : chosen;
}

/** Nothing that it lists proves that the kernel has the family. */
function isEmpty(nft: Usage | null): boolean {
  return nft === null || (!nft.kubelet && nft.rules === 0);
}

/** Whether the kernel lacks the modules of this variant, and not only the permission or the lock is missing. */
async function isMissingInKernel(run: Run, { programs: { main } }: Tool): Promise<boolean> {
  const end = await run([main, '-t', 'nat', '-S', 'POSTROUTING']);
  return isExit(end) && end.status > 2 && NOT_IN_KERNEL.test(end.stderr);
}

/** `can't initialize iptables table `nat': Table does not exist`; `Could not fetch rule set generation id: Invalid argument`. */
const NOT_IN_KERNEL =
  /Table does not exist|Module \S+ not found|generation id: (Invalid argument|(Protocol|Operation) not supported)/;

/** The content of one variant; `null` if it is not installed. */
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

const KUBELET_CHAIN = new RegExp(`^:(${KUBELET_CHAINS.join('|')}) `);

async function usage(run: Run, names: Programs): Promise<Usage | null> {
  const found = { kubelet: false, rules: 0 };
  // Without a table's name it lists existing tables; with one, the legacy variant would create the table.
  const onLine = (line: string): void => {
    found.kubelet ||= KUBELET_CHAIN.test(line);
    if (line.startsWith('-A ')) found.rules++;
  };
  const saved = await saveTables({ execute: run, programs: names, wait: [], onLine });
  return saved.ok ? found : null;
}
