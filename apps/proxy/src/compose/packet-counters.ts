/** kube-proxy's two packet counters: kernel objects (nfacct) that rules of iptables mode count in. */
import {
  ACCOUNTING_OBJECTS,
  createExecDriver,
  whyNoAccounting,
  type IptablesDriver,
} from '@signalbox/backend-iptables';
import {
  backendError,
  NOTHING_DONE,
  type Backend,
  type BackendError,
  type CleanupResult,
  type Family,
} from '@signalbox/core';
import { createAccountingClient, type AccountingClient, type NetlinkError } from '@signalbox/netlink';
import type { Logger } from '../logging/logger.ts';
import type { PacketCounters, PacketCounts } from './composition.ts';

const NAMES = Object.values(ACCOUNTING_OBJECTS);

/** What a test may put in the kernel's place. */
export interface CounterParts {
  readonly client: AccountingClient;
  /** The objects exist: the driver through which rules of a family can count in them, or why none can. */
  readonly probe: (family: Family) => Promise<IptablesDriver | BackendError>;
}

/** Makes the objects. `null`, and a line in the log, where the kernel or the tool cannot count: no error. */
export async function openPacketCounters(
  families: readonly Family[],
  logger: Logger,
  { client, probe }: CounterParts = { client: createAccountingClient(), probe: probeFamily },
): Promise<PacketCounters | null> {
  const made = await client.ensure(NAMES);
  const drivers = new Map<Family, IptablesDriver>();
  const why = made.ok ? [] : [inOneLine(made.error)];
  for (const [family, answer] of made.ok ? await askAll(families, probe) : []) {
    if ('code' in answer) why.push(`${family}: ${inOneLine(answer)}`);
    else drivers.set(family, answer);
  }
  if (why.length > 0) logger.debug(2, 'Packets are not counted', { why: why.join('; ') });
  if (drivers.size > 0) return { drivers, ...access(client) };
  if (made.ok) await client.delete(NAMES);
  client.close();
  return null;
}

function inOneLine({ operation, message }: BackendError | NetlinkError): string {
  return `${operation}: ${message}`;
}

function askAll(families: readonly Family[], probe: CounterParts['probe']) {
  return Promise.all(families.map(async (family) => [family, await probe(family)] as const));
}

async function probeFamily(family: Family): Promise<IptablesDriver | BackendError> {
  const driver = createExecDriver({ family });
  const error = await whyNoAccounting(driver, NAMES);
  if (error === null) return driver;
  await driver.close();
  return error;
}

function access(client: AccountingClient): Omit<PacketCounters, 'drivers'> {
  return {
    ensure: async () => {
      await client.ensure(NAMES);
    },
    read: () => readCounts(client),
    close: () => client.close(),
  };
}

async function readCounts(client: AccountingClient): Promise<PacketCounts> {
  const objects = await client.read(NAMES);
  const packets = (wanted: string): number | null =>
    objects.ok ? (objects.value.find(({ name }) => name === wanted)?.packets ?? null) : null;
  return {
    invalidDropped: packets(ACCOUNTING_OBJECTS.invalidDropped),
    localhostNodePorts: packets(ACCOUNTING_OBJECTS.localhostNodePorts),
  };
}

/** Somebody who empties the tables may remove the objects, too, and without them every rule is refused. */
export function withCounters(backend: Backend, counters: PacketCounters): Backend {
  return {
    ...backend,
    sync: async (change) => {
      const result = await backend.sync(change);
      if (result.outcome === 'failed') await counters.ensure();
      return result;
    },
  };
}

/** Of the nft variant the kernel frees rules, and what they refer to, a moment after they are gone. */
const RELEASE_WAITS_MS: readonly number[] = [20, 80, 300];

/** Enough of a backend to take the objects away, once no rule of any family or tool refers to them. */
export function countersCleaner(client: AccountingClient = createAccountingClient()): Backend {
  return {
    mode: 'iptables',
    family: 'IPv4',
    sync: () => Promise.resolve(NOTHING_DONE),
    observe: () => Promise.resolve({ outcome: 'ok', drift: [] }),
    cleanup: () => removeCounters(client),
    close: () => Promise.resolve(client.close()),
  };
}

async function removeCounters(client: AccountingClient): Promise<CleanupResult> {
  const removed: string[] = [];
  for (const wait of [...RELEASE_WAITS_MS, null]) {
    const result = await client.delete(NAMES);
    if (!result.ok) {
      // A kernel without them has none.
      if (result.error.code === 'unsupported') break;
      return { outcome: 'failed', error: asBackendError(result.error) };
    }
    removed.push(...result.value.deleted.map((name) => `accounting object ${name}`));
    if (result.value.inUse.length === 0 || wait === null) break;
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
  return { outcome: 'ok', removed };
}

function asBackendError({ code, operation, message }: NetlinkError): BackendError {
  return backendError(code, operation, message);
}
