import { backendError, type BackendError, type CleanupResult } from '@signalbox/core';
import type { KeptRules } from '@signalbox/iptables';
import { detourName, draftName, obsoleteSets, setName, type SetId } from './compile/names.ts';
import { SET_IDS } from './compile/ip-sets.ts';
import { obsoleteRules } from './compile/packet-filter.ts';
import type { IpvsDriver } from './driver/ipvs-driver.ts';
import { isExcluded, ownedServers, type JournalContent } from './diff/ownership.ts';
import { SERVICE_DEVICE } from './objects/bound-address.ts';
import type { Observed, ObservedServer } from './objects/kernel-state.ts';
import type { Operation } from './objects/operation.ts';
import { virtualServerKey, type VirtualServer } from './objects/virtual-server.ts';
import { settingsOf, type IpvsBackendOptions, type Settings } from './options.ts';

/** What a clean-up leaves in place. */
export interface IpvsCleanup {
  /** Rules of the mode that runs instead. */
  readonly kept: KeptRules | null;
  /**
   * Virtual servers that have connections are kept for them, with their addresses: no real server gets new ones. The caller
   * cleans up again until none is left (`inUse`).
   */
  readonly keepConnections: boolean;
}

const EVERYTHING: IpvsCleanup = { kept: null, keepConnections: false };

/** For what an earlier process, or kube-proxy, has left. */
export function cleanUpIpvs(options: IpvsBackendOptions, cleanup: IpvsCleanup): Promise<CleanupResult> {
  return cleanUp(settingsOf(options), null, cleanup);
}

/**
 * Removes every object of this mode and family that exists: virtual servers only if they are owned, sets of this family
 * by their names, the device unless the other family still uses it. Loads no kernel module for the purpose. `known`: the
 * owned virtual servers, if that is known.
 */
export async function cleanUp(
  settings: Settings,
  known: JournalContent,
  { kept, keepConnections }: IpvsCleanup = EVERYTHING,
): Promise<CleanupResult> {
  const { driver, journal } = settings;
  const observed = await driver.observe();
  if (!observed.ok) return { outcome: 'failed', error: observed.error };
  const former = known ?? (await journal.load());
  const owned = ownedServersOf(settings, observed.value, former);
  const inUse = keepConnections ? owned.filter(hasConnections) : [];
  const idle = owned.filter((each) => !inUse.includes(each));
  const removal = createRemoval(driver);
  await removal.run(
    'virtual servers',
    idle.map(({ server }) => ({ kind: 'server-delete', server })),
  );
  await removal.run('real servers from new connections', inUse.flatMap(closingOperations));
  // Addresses and sets may be the only evidence of who owns the remaining servers: they are removed after them.
  if (removal.errors.length > 0) return failed(removal.errors);
  const unwritten = await keepOwned(settings, inUse, former);
  if (unwritten !== null) return failed([unwritten]);
  await removeRest(settings, removal, { observed: observed.value, inUse, kept });
  if (removal.errors.length > 0) return failed(removal.errors);
  const unremoved = inUse.length === 0 ? await journal.remove() : null;
  if (unremoved !== null) return failed([unremoved]);
  const { removed } = removal;
  return inUse.length > 0 ? { outcome: 'ok', removed, inUse: inUse.length } : { outcome: 'ok', removed };
}

interface Removal {
  readonly removed: string[];
  readonly errors: BackendError[];
  readonly run: (what: string, operations: readonly Operation[]) => Promise<void>;
}

function createRemoval(driver: IpvsDriver): Removal {
  const removed: string[] = [];
  const errors: BackendError[] = [];
  return {
    removed,
    errors,
    run: async (what, operations) => {
      if (operations.length === 0) return;
      const results = await driver.apply(operations);
      const failures = results.flat();
      errors.push(...failures.map(({ error }) => error).filter(({ code }) => code !== 'not-found'));
      if (failures.length < operations.length) removed.push(`${operations.length - failures.length} ${what}`);
    },
  };
}

/** Virtual servers that stay: without their sets only the journal shows that they are owned. */
async function keepOwned(
  { journal }: Settings,
  inUse: readonly ObservedServer[],
  former: JournalContent,
): Promise<BackendError | null> {
  if (inUse.length === 0) return null;
  const owned = new Set(inUse.map(({ server }) => virtualServerKey(server)));
  return journal.save({ owned, others: former?.others ?? new Set() });
}

interface Rest extends Pick<IpvsCleanup, 'kept'> {
  readonly observed: Observed;
  readonly inUse: readonly ObservedServer[];
}

/** Everything but virtual servers. */
async function removeRest(
  settings: Settings,
  { run, removed, errors }: Removal,
  { observed, inUse, kept }: Rest,
): Promise<void> {
  const used = new Set(inUse.map(({ server }) => server.address));
  await run('addresses', addressOperations(observed, used));
  const sets = setOperations(settings, observed);
  // A set cannot be destroyed while rules refer to it: without sets there are no rules, and no need for the tool.
  if (sets.length > 0) {
    const rules = await settings.driver.removeRules(obsoleteRules(settings.family), kept);
    if (rules.ok) removed.push(...rules.value);
    else errors.push(rules.error);
  }
  await run('sets', sets);
  if (used.size === 0) await run(`device ${SERVICE_DEVICE}`, deviceOperations(observed));
}

function failed(errors: readonly BackendError[]): CleanupResult {
  const [first, ...others] = errors;
  if (first === undefined) return { outcome: 'ok', removed: [] };
  if (others.length === 0) return { outcome: 'failed', error: first };
  const detail = errors.map(({ operation, message }) => `${operation}: ${message}`).join('\n');
  const message = `${first.message} (and ${others.length} more)`;
  return { outcome: 'failed', error: backendError(first.code, first.operation, message, { detail }) };
}

/** Of node ports, too: their addresses are not of the device. */
function addressOperations(
  { boundAddresses }: Observed,
  used: ReadonlySet<VirtualServer['address']>,
): readonly Operation[] {
  return [...boundAddresses]
    .filter((address) => !used.has(address))
    .map((address) => ({ kind: 'address-delete', address }));
}

function hasConnections({ reals }: ObservedServer): boolean {
  return [...reals.values()].some(({ active, inactive }) => active + inactive > 0);
}

function closingOperations({ server, reals }: ObservedServer): readonly Operation[] {
  return [...reals.values()]
    .filter(({ weight }) => weight > 0)
    .map(({ address, port }) => ({ kind: 'real-update', server, real: { address, port, weight: 0 } }));
}

function ownedServersOf(
  settings: Settings,
  observed: Observed,
  known: JournalContent,
): readonly ObservedServer[] {
  const owned = ownedServers(settings.family, observed, known);
  return [...observed.servers]
    .filter(([key, { server }]) => owned.has(key) && !isExcluded(settings.excludeCIDRs, server))
    .map(([, each]) => each);
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
