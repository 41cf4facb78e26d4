import type { BackendError } from '@signalbox/core';
import { encodeRestore, encodeRule, type IptablesDriver, PROBE, RETURN, rule } from '@signalbox/iptables';

/**
 * Whether rules of this family can count in these nfacct objects; `null`: they can. Needed are the tool's extension, the
 * kernel's xt_nfacct and the objects; only adding a rule verifies all of them: `--test` does not reach the kernel, nor does
 * a chain that the same transaction removes.
 */
export async function whyNoAccounting(
  driver: IptablesDriver,
  objects: readonly string[],
): Promise<BackendError | null> {
  const rules = objects.map((name) =>
    encodeRule(rule([{ kind: 'accounting', name }], RETURN), driver.family),
  );
  const put = await driver.restore(
    encodeRestore([{ table: 'filter', operations: [{ kind: 'write', chain: PROBE, rules }] }]),
  );
  if (!put.ok) return put.error;
  // No rule leads to the chain; if this fails, the next full sync removes it as a stale owned chain.
  await driver.restore(encodeRestore([{ table: 'filter', operations: [{ kind: 'delete', chain: PROBE }] }]));
  return null;
}
