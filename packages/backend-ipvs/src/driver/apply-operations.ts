/** Operations to requests: neighbours of one kind travel together, the order stays. */
import { pause, type BackendError, type Clock } from '@signalbox/core';
import {
  errorOf,
  toBackendError,
  type IpsetClient,
  type IpsetEntry,
  type NetlinkResult,
} from '@signalbox/netlink';
import type { IptablesDriver } from '@signalbox/iptables';
import { draftName } from '../compile/names.ts';
import { encodeEntry, encodeSet } from '../encode/ipset-entry.ts';
import { encodeIpvsChange, isIpvsOperation, type IpvsOperation } from '../encode/ipvs-change.ts';
import type { IpSet, IpSetEntry } from '../objects/ip-set.ts';
import type { Operation } from '../objects/operation.ts';
import type { Clients } from './clients.ts';
import { changeAddresses, createDevice, deleteDevice, type AddressOperation } from './device.ts';
import type { OperationFailure } from './ipvs-driver.ts';
import { installPacketFilter } from './packet-filter.ts';
import { retypeSets } from './retype-sets.ts';

type Failures = readonly OperationFailure[];

/** What the operations are applied with. */
export interface ApplyParts {
  readonly clients: Clients;
  readonly iptables: IptablesDriver;
  readonly clock: Clock;
}

export async function applyOperations(
  parts: ApplyParts,
  operations: readonly Operation[],
): Promise<readonly Failures[]> {
  const results: Failures[] = [];
  while (results.length < operations.length) {
    const batch = nextBatch(operations, results.length);
    for (const failures of await applyBatch(parts, batch)) results.push(failures);
  }
  return results;
}

type Kind = 'ipvs' | 'address' | 'single';

function nextBatch(operations: readonly Operation[], from: number): readonly Operation[] {
  const kind = kindOf(operations[from]);
  if (kind === 'single') return operations.slice(from, from + 1);
  const end = operations.findIndex((operation, index) => index > from && kindOf(operation) !== kind);
  return operations.slice(from, end === -1 ? operations.length : end);
}

function kindOf(operation: Operation | undefined): Kind {
  if (operation === undefined) return 'single';
  if (isIpvsOperation(operation)) return 'ipvs';
  return isAddressOperation(operation) ? 'address' : 'single';
}

function isAddressOperation(operation: Operation): operation is AddressOperation {
  return operation.kind === 'address-add' || operation.kind === 'address-delete';
}

async function applyBatch(parts: ApplyParts, batch: readonly Operation[]): Promise<readonly Failures[]> {
  const [first] = batch;
  if (first === undefined) return [];
  if (isIpvsOperation(first)) return applyIpvs(parts.clients, batch.filter(isIpvsOperation));
  if (isAddressOperation(first)) return changeAddresses(parts.clients, batch.filter(isAddressOperation));
  return [await applyOne(parts, first)];
}

async function applyIpvs({ ipvs }: Clients, batch: readonly IpvsOperation[]): Promise<readonly Failures[]> {
  const outcomes = await ipvs.apply(batch.map(encodeIpvsChange));
  if (!outcomes.ok) return batch.map(() => failed(toBackendError(outcomes.error)));
  return batch.map((_, index) => {
    const error = outcomes.value[index];
    return error === undefined ? [] : failed(toBackendError(error));
  });
}

async function applyOne(
  parts: ApplyParts,
  operation: Exclude<Operation, IpvsOperation | AddressOperation>,
): Promise<Failures> {
  const { clients, iptables, clock } = parts;
  const { ipset } = clients;
  switch (operation.kind) {
    case 'set-create':
      return failed(errorOf(await ipset.createSet(encodeSet(operation.set))));
    case 'set-replace':
      return replaceSet(ipset, operation.set, operation.entries);
    case 'set-add':
      return failuresOf(
        changeEntries((entries) => ipset.addEntries({ setName: operation.set, entries }), operation.entries),
      );
    case 'set-delete':
      return failuresOf(
        changeEntries(
          (entries) => ipset.deleteEntries({ setName: operation.set, entries }),
          operation.entries,
        ),
      );
    case 'set-destroy':
      return failed(errorOf(await ipset.destroySet(operation.set)));
    case 'device-create':
      return failed(await createDevice(clients));
    case 'device-delete':
      return failed(await deleteDevice(clients));
    case 'packet-filter-install':
      return failed(await installPacketFilter(iptables, operation.packetFilter, operation.part));
    case 'sets-retype':
      return retypeSets(
        { run: (step) => applyStep(parts, step), pause: () => pause(clock, RETRY_MS) },
        operation,
      );
  }
}

/** Between two attempts to destroy a set that the kernel still uses. */
const RETRY_MS = 20;

async function applyStep(parts: ApplyParts, operation: Operation): Promise<Failures> {
  const [failures = []] = await applyBatch(parts, [operation]);
  return failures;
}

interface EntriesChanged {
  readonly failures: Failures;
  /** Every entry was tried. */
  readonly isWhole: boolean;
}

/** A rejected entry affects only itself: the list goes on behind it. Any other error ends it, and is reported for the rest. */
async function changeEntries(
  change: (entries: readonly IpsetEntry[]) => Promise<NetlinkResult<void>>,
  entries: readonly IpSetEntry[],
): Promise<EntriesChanged> {
  const encoded = entries.map(encodeEntry);
  const failures: OperationFailure[] = [];
  let from = 0;
  while (from < encoded.length) {
    const result = await change(encoded.slice(from));
    if (result.ok) break;
    const { index } = result.error;
    const error = toBackendError(result.error);
    if (index === undefined) {
      for (let rest = from; rest < encoded.length; rest += 1) failures.push({ error, index: rest });
      return { failures, isWhole: false };
    }
    failures.push({ error, index: from + index });
    from += index + 1;
  }
  return { failures, isWhole: true };
}

async function failuresOf(changed: Promise<EntriesChanged>): Promise<Failures> {
  return (await changed).failures;
}

/** Filled aside and swapped in: rules that ask the set see the old content or the new. */
async function replaceSet(ipset: IpsetClient, set: IpSet, entries: readonly IpSetEntry[]): Promise<Failures> {
  const draft = draftName(set.name);
  const stale = await ipset.destroySet(draft);
  if (!stale.ok && stale.error.code !== 'not-found') return failed(toBackendError(stale.error));
  const created = await ipset.createSet(encodeSet({ ...set, name: draft }));
  if (!created.ok) return failed(toBackendError(created.error));
  const { failures, isWhole } = await changeEntries(
    (list) => ipset.addEntries({ setName: draft, entries: list }),
    entries,
  );
  // What was not even tried is no reason to lose what the set holds.
  const swapped = isWhole ? errorOf(await ipset.swapSets(draft, set.name)) : null;
  const destroyed = await ipset.destroySet(draft);
  return [...failures, ...failed(swapped ?? errorOf(destroyed))];
}

function failed(error: BackendError | null): Failures {
  return error === null ? [] : [{ error, index: 0 }];
}
