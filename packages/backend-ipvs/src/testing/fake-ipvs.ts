import { createFakeIptables, type FakeIptables } from '@signalbox/iptables/testing';
import { backendError, FAMILIES, familyOf, type BackendError, type Family } from '@signalbox/core';
import type { FaultPlan } from '@signalbox/core/testing';
import type { IpvsDriver, OperationFailure } from '../driver/ipvs-driver.ts';
import {
  installPacketFilter,
  packetFilterDifference,
  packetFilterDrift,
  removeObsoleteRules,
} from '../driver/packet-filter.ts';
import { retypeSets } from '../driver/retype-sets.ts';
import type { Observed } from '../objects/kernel-state.ts';
import type { Operation } from '../objects/operation.ts';
import type { PacketFilter } from '../objects/packet-filter.ts';
import type { RealServerKey, RealServerStatus } from '../objects/real-server.ts';
import { virtualServerKey, type VirtualServer, type VirtualServerKey } from '../objects/virtual-server.ts';
import { FakeKernel } from './fake-kernel.ts';

/** The family, kernel and faults of a fake driver. */
export interface FakeIpvsOptions {
  /** The IP family of the driver. */
  readonly family: Family;
  /** Several fakes on one kernel are the families of one host. */
  readonly kernel: FakeKernel;
  /** Operation: `observe`, `status`, or the kind of a write. */
  readonly faults?: FaultPlan;
}

/** A driver on a fake kernel, and its record of calls. */
export interface FakeIpvs {
  readonly driver: IpvsDriver;
  /** Writes so far, failed ones included. */
  readonly operations: readonly Operation[];
  /** How often the whole state was listed. */
  observations(): number;
}

/** The host of a fake kernel. */
export interface FakeKernelOptions {
  /** Addresses of the other interfaces, both families. Default: none. */
  readonly hostAddresses?: readonly string[];
  /** For the fakes of iptables only: see `FakeFaults` in @signalbox/iptables/testing. */
  readonly faults?: FaultPlan;
}

/** A kernel without virtual servers, sets or device, with a fake iptables for each family. */
export function createFakeKernel({ hostAddresses = [], faults }: FakeKernelOptions = {}): FakeKernel {
  const iptables = FAMILIES.map((family): [Family, FakeIptables] => [
    family,
    createFakeIptables({ family, ...(faults ? { faults } : {}) }),
  ]);
  return new FakeKernel(hostAddresses, new Map(iptables));
}

const KERNEL_RELEASE = '6.1.0-test';

/** A driver for one family of the fake kernel; reports Linux 6.1. */
export function createFakeIpvs({ family, kernel, faults = () => false }: FakeIpvsOptions): FakeIpvs {
  const operations: Operation[] = [];
  let observations = 0;
  const iptables = kernel.iptables(family).driver;
  const write = async (operation: Operation): Promise<readonly OperationFailure[]> => {
    operations.push(operation);
    if (faults(operation.kind)) return [{ index: 0, error: fault(operation.kind) }];
    if (operation.kind === 'sets-retype') return retypeSets({ run: write, pause: async () => {} }, operation);
    if (operation.kind !== 'packet-filter-install') return kernel.apply(operation);
    const error =
      unknownSet(kernel, operation.packetFilter) ??
      (await installPacketFilter(iptables, operation.packetFilter, operation.part));
    return error === null ? [] : [{ index: 0, error }];
  };
  const driver: IpvsDriver = {
    ...hostOf(kernel),
    packetFilterDrift: (packetFilter) => packetFilterDrift(iptables, packetFilter),
    packetFilterDifference: (packetFilter) => packetFilterDifference(iptables, packetFilter),
    removeRules: (remains, kept) => removeObsoleteRules(iptables, remains, kept?.rules ?? null),
    observe: async () => {
      observations += 1;
      return faults('observe')
        ? { ok: false, error: fault('observe') }
        : { ok: true, value: observe(kernel, family) };
    },
    status: async (servers) =>
      faults('status')
        ? { ok: false, error: fault('status') }
        : { ok: true, value: statusOf(kernel, servers) },
    apply: async (desired) => {
      const results: (readonly OperationFailure[])[] = [];
      for (const operation of desired) results.push(await write(operation));
      return results;
    },
    close: async () => {},
  };
  return { driver, operations, observations: () => observations };
}

/** What there is of the machine besides its tables. */
function hostOf(
  kernel: FakeKernel,
): Pick<
  IpvsDriver,
  'kernelRelease' | 'hasRandomFully' | 'readSysctl' | 'writeSysctl' | 'probe' | 'setTimeouts'
> {
  return {
    kernelRelease: () => KERNEL_RELEASE,
    hasRandomFully: async () => ({ ok: true, value: true }),
    readSysctl: async (name) => ({ ok: true, value: kernel.sysctls.get(name) ?? '0' }),
    writeSysctl: async (name, value) => {
      kernel.sysctls.set(name, value);
      return null;
    },
    probe: async (scheduler) =>
      kernel.schedulers.has(scheduler)
        ? null
        : backendError('unsupported', 'IPVS_CMD_NEW_SERVICE', `no scheduler ${scheduler}`, {
            kernel: 'unchanged',
          }),
    setTimeouts: async (timeouts) => {
      Object.assign(kernel.timeouts, timeouts);
      return null;
    },
  };
}

function statusOf(
  kernel: FakeKernel,
  servers: readonly VirtualServer[],
): ReadonlyMap<VirtualServerKey, ReadonlyMap<RealServerKey, RealServerStatus>> {
  const held = servers.map((server) => {
    const key = virtualServerKey(server);
    return [key, new Map(kernel.servers.get(key)?.reals)] as const;
  });
  return new Map(held);
}

function observe(kernel: FakeKernel, family: Family): Observed {
  const ofFamily = (addresses: Iterable<string>): Set<string> =>
    new Set([...addresses].filter((address) => familyOf(address) === family));
  const bound = ofFamily(kernel.bound);
  return {
    device: kernel.device,
    boundAddresses: bound,
    deviceShared: bound.size < kernel.bound.size,
    hostAddresses: ofFamily(kernel.hostAddresses),
    servers: new Map(
      [...kernel.servers]
        .filter(([, { server }]) => familyOf(server.address) === family)
        .map(([key, { server, reals }]) => [key, { server, reals: new Map(reals) }]),
    ),
    sets: new Map(
      [...kernel.sets].map(([name, { set, entries }]) => [name, { set, entries: new Map(entries) }]),
    ),
  };
}

/** iptables refuses rules that name a set which does not exist. */
function unknownSet(kernel: FakeKernel, packetFilter: PacketFilter): BackendError | null {
  const matches = packetFilter.chains
    .flatMap(({ rules }) => rules)
    .flatMap((rule) => (rule.kind === 'rule' ? rule.matches : []));
  const unknown = matches.find((match) => match.kind === 'ip-set' && !kernel.sets.has(match.name));
  if (unknown?.kind !== 'ip-set') return null;
  return backendError('rejected', 'iptables-restore', `Set ${unknown.name} doesn't exist.`);
}

function fault(operation: string): BackendError {
  return backendError('busy', operation, 'injected fault', { kernel: 'unchanged' });
}
