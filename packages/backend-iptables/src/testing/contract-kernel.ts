/** The contract test's view of a kernel that is accessed by the driver of iptables, fake or real. */
import { createIptablesBackend } from '../sync/iptables-backend.ts';
import {
  BUILTIN_CHAINS,
  encodeRestore,
  listTables,
  TABLES,
  type IptablesDriver,
  type ListedTables,
  type RestoreInput,
} from '@signalbox/iptables';
import { withFaults } from '@signalbox/iptables/testing';
import type { ContractKernel } from '@signalbox/backend-kit/testing';

/** Rules of a firewall: a chain of its own, and a jump to it from a hook. */
const OTHERS = { chain: 'OTHERS', rule: '-s 203.0.113.99/32 -j DROP', jump: '-j OTHERS' };
const OTHERS_V6 = { ...OTHERS, rule: '-s 2001:db8:113::63/128 -j DROP' };

/** Operations of `withFaults`, by what the kernel holds after the failure. */
const FAULTS = { unchanged: 'iptables-restore', unknown: 'iptables-restore end' } as const;

/** `driver` stays open; writes of other processes use it, too, but are not counted. */
export function contractKernel(driver: IptablesDriver): ContractKernel {
  const failures: string[] = [];
  let writes = 0;
  const counted: IptablesDriver = {
    ...driver,
    restore(input: RestoreInput) {
      writes++;
      return driver.restore(input);
    },
    close: () => Promise.resolve(),
  };
  const faulty = withFaults(counted, (operation) => {
    if (failures[0] !== operation) return false;
    failures.shift();
    return true;
  });
  const others = driver.family === 'IPv4' ? OTHERS : OTHERS_V6;
  return {
    createBackend: () => createIptablesBackend({ family: driver.family, driver: faulty }),
    snapshot: async () => snapshotText(await tablesOf(driver)),
    damage: () => write(driver, 'nat', [{ kind: 'flush', chain: 'KUBE-SERVICES' }]),
    addOthers: () =>
      write(driver, 'filter', [
        { kind: 'write', chain: others.chain, rules: [others.rule] },
        { kind: 'insert', chain: 'INPUT', rule: others.jump },
      ]),
    hasOthers: async () => {
      const { chains } = (await tablesOf(driver)).filter;
      const isKept = chains.get(others.chain)?.join() === others.rule;
      return isKept && chains.get('INPUT')?.includes(others.jump) === true;
    },
    failNextWrite(state) {
      failures.push(FAULTS[state]);
      return () => failures.length === 0;
    },
    writes: () => writes,
    close: () => Promise.resolve(),
  };
}

async function tablesOf(driver: IptablesDriver): Promise<ListedTables> {
  const listed = await listTables(driver);
  if (!listed.ok) throw new Error(listed.error.message);
  return listed.value;
}

async function write(
  driver: IptablesDriver,
  table: (typeof TABLES)[number],
  operations: Parameters<typeof encodeRestore>[0][number]['operations'],
): Promise<void> {
  const done = await driver.restore(encodeRestore([{ table, operations }]));
  if (!done.ok) throw new Error(done.error.message);
}

/** Chains by name, since the order in which they were created does not matter; hooks without rules are left out. */
function snapshotText(tables: ListedTables): string {
  const lines = TABLES.flatMap((table) =>
    [...tables[table].chains]
      .filter(([name, rules]) => rules.length > 0 || !BUILTIN_CHAINS[table].includes(name))
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
      .flatMap(([name, rules]) => [
        `:${table} ${name}`,
        ...rules.map((rule) => `-A ${table} ${name} ${rule}`),
      ]),
  );
  return lines.join('\n');
}
