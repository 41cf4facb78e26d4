/** The parts of a kernel that this mode writes to, without a kernel: same refusals, connection counts to set. */
import type { FakeIptables } from '@signalbox/iptables/testing';
import { backendError, familyOf, type BackendError, type Family } from '@signalbox/core';
import { SCHEDULERS } from '../compile/load-balancing.ts';
import type { OperationFailure } from '../driver/ipvs-driver.ts';
import { entryText, type IpSet, type IpSetEntry, type IpSetType } from '../objects/ip-set.ts';
import type { Operation } from '../objects/operation.ts';
import { realServerKey, type RealServerKey, type RealServerStatus } from '../objects/real-server.ts';
import { virtualServerKey, type VirtualServer, type VirtualServerKey } from '../objects/virtual-server.ts';

/** A virtual server with its real servers. */
export interface FakeServer {
  server: VirtualServer;
  readonly reals: Map<RealServerKey, RealServerStatus>;
}

/** A set with its entries, by their text. */
export interface FakeSet {
  readonly set: IpSet;
  readonly entries: Map<string, IpSetEntry>;
}

/** Connection counts of a real server. */
export interface Connections {
  readonly active: number;
  readonly inactive: number;
  /** Default: unchanged. */
  readonly connections?: number;
}

/** Both families, as in one network namespace. Tests may write to it as another program would. */
export class FakeKernel {
  device: 'absent' | 'owned' | 'not-dummy' = 'absent';
  /** Addresses of kube-ipvs0. */
  readonly bound = new Set<string>();
  /** Addresses of the other interfaces. */
  readonly hostAddresses: Set<string>;
  readonly servers = new Map<VirtualServerKey, FakeServer>();
  readonly sets = new Map<string, FakeSet>();
  /** By name below /proc/sys: `net/ipv4/ip_forward`. One that is absent reads as 0. */
  readonly sysctls = new Map<string, string>();
  /** Those of Linux; a test may remove some. */
  readonly schedulers = new Set(SCHEDULERS);
  /** Seconds; the defaults of Linux. */
  readonly timeouts = { tcp: 900, tcpFin: 120, udp: 300 };
  readonly #iptables: ReadonlyMap<Family, FakeIptables>;

  constructor(hostAddresses: readonly string[], iptables: ReadonlyMap<Family, FakeIptables>) {
    this.hostAddresses = new Set(hostAddresses);
    this.#iptables = iptables;
  }

  /** Throws if the kernel was created without this family. */
  iptables(family: Family): FakeIptables {
    const fake = this.#iptables.get(family);
    if (fake === undefined) throw new Error(`this fake kernel has no ${family}`);
    return fake;
  }

  /** Addresses of all interfaces, kube-ipvs0 included, of one family. */
  addressesOf(family: Family): readonly string[] {
    return [...this.hostAddresses, ...this.bound].filter((address) => familyOf(address) === family);
  }

  /** Replaces the counts of a real server. Throws if it does not exist. */
  setConnections(server: VirtualServerKey, real: RealServerKey, connections: Connections): void {
    const held = this.servers.get(server);
    const status = held?.reals.get(real);
    if (held === undefined || status === undefined) throw new Error(`no real server ${real} of ${server}`);
    held.reals.set(real, { ...status, ...connections });
  }

  /** All operations but `packet-filter-install`, which needs the packet filter's own driver. */
  apply(
    operation: Exclude<Operation, { kind: 'packet-filter-install' | 'sets-retype' }>,
  ): readonly OperationFailure[] {
    if ('real' in operation) return failures(this.#applyToReal(operation));
    if ('server' in operation) return failures(this.#applyToServer(operation));
    if ('set' in operation) return this.#applyToSet(operation);
    return failures(this.#applyToDevice(operation));
  }

  #applyToSet(operation: SetOperation): readonly OperationFailure[] {
    const name = typeof operation.set === 'string' ? operation.set : operation.set.name;
    const held = this.sets.get(name);
    if (operation.kind === 'set-create') {
      if (held !== undefined) return failures(refuse('exists', 'IPSET_CMD_CREATE', name));
      if (name.length > 31) return failures(refuse('rejected', 'IPSET_CMD_CREATE', name));
      this.sets.set(name, { set: operation.set, entries: new Map() });
      return [];
    }
    if (held === undefined) return failures(refuse('not-found', 'IPSET_CMD', name));
    switch (operation.kind) {
      case 'set-replace': {
        if (held.set.type !== operation.set.type) return failures(refuse('rejected', 'IPSET_CMD_SWAP', name));
        const fresh: FakeSet = { set: operation.set, entries: new Map() };
        this.sets.set(name, fresh);
        return addEntries(fresh, operation.entries);
      }
      case 'set-add':
        return addEntries(held, operation.entries);
      case 'set-delete':
        for (const entry of operation.entries) held.entries.delete(entryText(entry));
        return [];
      case 'set-destroy':
        if (this.#isReferenced(name)) return failures(refuse('busy', 'IPSET_CMD_DESTROY', name));
        this.sets.delete(name);
        return [];
    }
  }

  #applyToServer({ kind, server }: ServerOperation): BackendError | null {
    const key = virtualServerKey(server);
    const held = this.servers.get(key);
    if (kind === 'server-add') {
      if (held !== undefined) return refuse('exists', 'IPVS_CMD_NEW_SERVICE', key);
      if (!this.schedulers.has(server.scheduler)) return refuse('not-found', 'IPVS_CMD_NEW_SERVICE', key);
      this.servers.set(key, { server, reals: new Map() });
      return null;
    }
    if (held === undefined) return refuse('not-found', 'IPVS_CMD_SERVICE', key);
    if (kind === 'server-update') held.server = server;
    else this.servers.delete(key);
    return null;
  }

  #applyToReal({ kind, server, real }: RealOperation): BackendError | null {
    const key = realServerKey(real);
    const culprit = `${virtualServerKey(server)} -> ${key}`;
    const held = this.servers.get(virtualServerKey(server));
    if (held === undefined) return refuse('not-found', 'IPVS_CMD_DEST', culprit);
    const status = held.reals.get(key);
    if (kind === 'real-add') {
      if (status !== undefined) return refuse('exists', 'IPVS_CMD_NEW_DEST', culprit);
      held.reals.set(key, { ...real, active: 0, inactive: 0, connections: 0 });
      return null;
    }
    if (status === undefined) return refuse('not-found', 'IPVS_CMD_DEST', culprit);
    if (kind === 'real-update') held.reals.set(key, { ...status, weight: real.weight });
    else held.reals.delete(key);
    return null;
  }

  #applyToDevice(operation: DeviceOperation): BackendError | null {
    const absent = this.device === 'absent';
    switch (operation.kind) {
      case 'device-create':
        if (!absent) return refuse('exists', 'RTM_NEWLINK', 'kube-ipvs0');
        this.device = 'owned';
        return null;
      case 'device-delete':
        if (absent) return refuse('not-found', 'RTM_DELLINK', 'kube-ipvs0');
        this.device = 'absent';
        this.bound.clear();
        return null;
      case 'address-add':
        if (absent) return refuse('not-found', 'RTM_NEWADDR', operation.address);
        if (this.bound.has(operation.address)) return refuse('exists', 'RTM_NEWADDR', operation.address);
        this.bound.add(operation.address);
        return null;
      case 'address-delete':
        return this.bound.delete(operation.address)
          ? null
          : refuse('not-found', 'RTM_DELADDR', operation.address);
    }
  }

  #isReferenced(set: string): boolean {
    return [...this.#iptables.values()].some((fake) =>
      (['filter', 'nat', 'mangle'] as const).some((table) =>
        `${fake.dump(table)} `.includes(`--match-set ${set} `),
      ),
    );
  }
}

type SetOperation = Extract<Operation, { kind: `set-${string}` }>;
type ServerOperation = Extract<Operation, { kind: `server-${string}` }>;
type RealOperation = Extract<Operation, { kind: `real-${string}` }>;
type DeviceOperation = Extract<Operation, { kind: `device-${string}` | `address-${string}` }>;

const ENTRY_KINDS: Readonly<Record<IpSetType, IpSetEntry['kind']>> = {
  'hash:ip': 'address',
  'hash:ip,port': 'address-port',
  'hash:ip,port,ip': 'address-port-address',
  'hash:ip,port,net': 'address-port-network',
  'bitmap:port': 'port',
};

function addEntries({ set, entries }: FakeSet, added: readonly IpSetEntry[]): readonly OperationFailure[] {
  return added.flatMap((entry, index) => {
    const text = entryText(entry);
    const fits =
      entry.kind === ENTRY_KINDS[set.type] &&
      (!('address' in entry) || familyOf(entry.address) === set.family);
    const full = entries.size >= set.maxElements && !entries.has(text);
    if (fits && !full) {
      entries.set(text, entry);
      return [];
    }
    return [{ index, error: refuse('rejected', 'IPSET_CMD_ADD', `${set.name} ${text}`) }];
  });
}

function refuse(code: BackendError['code'], operation: string, culprit: string): BackendError {
  return backendError(code, operation, `${code}: ${culprit}`, { kernel: 'unchanged' });
}

function failures(error: BackendError | null): readonly OperationFailure[] {
  return error === null ? [] : [{ error, index: 0 }];
}
