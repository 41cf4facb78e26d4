import { backendError, type BackendError, type CleanupResult } from '@signalbox/core';
import { detourName, draftName, obsoleteSets, setName, type SetId } from './compile/names.ts';
import { SET_IDS } from './compile/ip-sets.ts';
import { obsoleteRules } from './compile/packet-filter.ts';
import { isExcluded, ownedServers, type JournalContent } from './diff/ownership.ts';
import { SERVICE_DEVICE } from './objects/bound-address.ts';
import type { Observed } from './objects/kernel-state.ts';
import type { Operation } from './objects/operation.ts';
import type { Settings } from './options.ts';

/**
 * Removes every object of this mode and family that exists: virtual servers only if they are owned, sets of this family
 * by their names, the device unless the other family still uses it. Loads no kernel module for the purpose. `known`: the
 * owned virtual servers, if that is known.
 */
export async function cleanUp(settings: Settings, known: JournalContent): Promise<CleanupResult> {
  const observed = await settings.driver.observe();
  if (!observed.ok) return { outcome: 'failed', error: observed.error };
  const removed: string[] = [];
  const errors: BackendError[] = [];
  const run = async (what: string, operations: readonly Operation[]): Promise<void> => {
    if (operations.length === 0) return;
    const results = await settings.driver.apply(operations);
    const failed = results.flat();
    errors.push(...failed.map(({ error }) => error).filter(({ code }) => code !== 'not-found'));
    if (failed.length < operations.length) removed.push(`${operations.length - failed.length} ${what}`);
  };
  await run(
    'virtual servers',
    serverOperations(settings, observed.value, known ?? (await settings.journal.load())),
  );
  // Addresses and sets may be the only evidence of who owns the remaining servers: they are removed after them.
  if (errors.length > 0) return failed(errors);
  await run('addresses', addressOperations(observed.value));
  const sets = setOperations(settings, observed.value);
  // A set cannot be destroyed while rules refer to it: without sets there are no rules, and no need for the tool.
  if (sets.length > 0) {
    const rules = await settings.driver.removeRules(obsoleteRules(settings.family));
    if (rules.ok) removed.push(...rules.value);
    else errors.push(rules.error);
  }
  await run('sets', sets);
  await run(`device ${SERVICE_DEVICE}`, deviceOperations(observed.value));
  const journal = errors.length === 0 ? await settings.journal.remove() : null;
  if (journal !== null) errors.push(journal);
  return errors.length > 0 ? failed(errors) : { outcome: 'ok', removed };
}

function failed(errors: readonly BackendError[]): CleanupResult {
  const [first, ...others] = errors;
  if (first === undefined) return { outcome: 'ok', removed: [] };
  if (others.length === 0) return { outcome: 'failed', error: first };
  const detail = errors.map(({ operation, message }) => `${operation}: ${message}`).join('\n');
  const message = `${first.message} (and ${others.length} more)`;
  return { outcome: 'failed', error: backendError(first.code, first.operation, message, { detail }) };
}

function addressOperations({ boundAddresses }: Observed): readonly Operation[] {
  return [...boundAddresses].map((address) => ({ kind: 'address-delete', address }));
}

function serverOperations(
  settings: Settings,
  observed: Observed,
  known: JournalContent,
): readonly Operation[] {
  const owned = ownedServers(settings.family, observed, known);
  return [...observed.servers]
    .filter(([key, { server }]) => owned.has(key) && !isExcluded(settings.excludeCIDRs, server))
    .map(([, { server }]) => ({ kind: 'server-delete', server }));
}

function setOperations({ family }: Settings, { sets }: Observed): readonly Operation[] {
  return (
    [
      ...SET_IDS.flatMap((id: SetId) => [setName(family, id), detourName(family, id)]),
      ...obsoleteSets(family),
    ]
      .filter((name) => sets.has(name))
      // A process that was killed may have left a draft; mostly it has not.
      .flatMap((name) => [name, draftName(name)])
      .map((set) => ({ kind: 'set-destroy', set }))
  );
}

function deviceOperations({ device, deviceShared }: Observed): readonly Operation[] {
  return device === 'owned' && !deviceShared ? [{ kind: 'device-delete' }] : [];
}
