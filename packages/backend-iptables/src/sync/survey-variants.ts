/** What a clean-up would remove (F87), in both variants; reads only. */
import { type Result, succeed } from '@signalbox/core';
import { divideTable, type IptablesDriver, listTables, TABLES } from '@signalbox/iptables';
import { OWNERSHIP } from './read-tables.ts';

/** One line for each table and variant with owned jumps or chains: `2 jumps in table nat (nft)`. Empty: nothing to remove. */
export async function surveyVariants(driver: IptablesDriver): Promise<Result<readonly string[]>> {
  const found = await surveyOne(driver);
  const other = found.ok ? await driver.otherVariant() : null;
  if (!found.ok || other === null) return found;
  const more = await surveyOne(other);
  await other.close();
  // An installed variant may be unusable: if the kernel supports one variant only, the other has no rules.
  return more.ok ? succeed([...found.value, ...more.value]) : found;
}

async function surveyOne(driver: IptablesDriver): Promise<Result<readonly string[]>> {
  const tool = await driver.probe();
  if (!tool.ok) return tool;
  const saved = await listTables(driver);
  if (!saved.ok) return saved;
  const { variant } = tool.value;
  return succeed(
    TABLES.flatMap((table) => {
      const { own, jumps } = divideTable(saved.value[table], OWNERSHIP);
      return [
        ...(jumps.length > 0 ? [`${jumps.length} jumps in table ${table} (${variant})`] : []),
        ...(own.size > 0 ? [`${own.size} chains in table ${table} (${variant})`] : []),
      ];
    }),
  );
}
