import type { BackendError } from '@signalbox/core';
import { encodeRestore, encodeRule, type IptablesDriver, PROBE, RETURN, rule } from '@signalbox/iptables';

/**
 * Whether rules of this family can count in these nfacct objects; `null`: they can. It takes the tool's extension,
 * the kernel's xt_nfacct and the objects, and only a rule that is really put in asks for all of them: `--test` does
 * not reach the kernel, nor does a chain that the same transaction removes.
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
  // Nothing leads to the chain; if this fails, the next full sync takes it for a leftover of ours.
  await driver.restore(encodeRestore([{ table: 'filter', operations: [{ kind: 'delete', chain: PROBE }] }]));
  return null;
}
