/** kube-proxy's two packet counters: kernel objects (nfacct) that rules of iptables mode count in. */
import {
  ACCOUNTING_OBJECTS,
  createExecDriver,
  whyNoAccounting,
  type IptablesDriver,
  type OnToolNotice,
} from '@signalbox/backend-iptables';
import {
  type Backend,
  type BackendError,
  type CleanupResult,
  pause,
  type Clock,
  type Family,
} from '@signalbox/core';
import { systemClock } from '@signalbox/core/system-clock';
import {
  createAccountingClient,
  toBackendError,
  type AccountingClient,
  type NetlinkError,
} from '@signalbox/netlink';
import type { Logger } from '../logging/logger.ts';
import { isTransient, retryWhileTransient } from '../compose/transient.ts';
import type { Cleaner, PacketCounters, PacketCounts } from './proxy-mode.ts';

const NAMES = Object.values(ACCOUNTING_OBJECTS);

/** What a test may put in the kernel's place. */
export interface CounterParts {
  readonly client: AccountingClient;
  /** The objects exist: the driver through which rules of a family can count in them, or why none can. */
  readonly probe: (family: Family) => Promise<IptablesDriver | BackendError>;
  readonly clock: Clock;
}

/** The first sync waits for this; but what cannot be counted now is not counted for the life of the process. */
const PATIENCE_MS = 10_000;

/** Makes the objects. `null`, and a line in the log, where the kernel or the tool cannot count: no error. */
export async function openPacketCounters(
  families: readonly Family[],
  logger: Logger,
  parts: CounterParts = systemParts(logger),
): Promise<PacketCounters | null> {
  const { client, probe } = parts;
  const retry = createRetry(parts, logger);
  const made = await retry(
    () => client.ensure(NAMES),
    (answer) => (answer.ok ? null : answer.error),
  );
  const ask = (family: Family) => retry(() => probe(family), errorOf);
  const answers = await Promise.all(
    (made.ok ? families : []).map(async (family) => [family, await ask(family)] as const),
  );
  const drivers = new Map<Family, IptablesDriver>();
  const refusals: Refusal[] = made.ok ? [] : [{ of: 'all', error: made.error }];
  for (const [family, answer] of answers) {
    if ('code' in answer) refusals.push({ of: family, error: answer });
    else drivers.set(family, answer);
  }
  logRefusals(logger, refusals);
  if (drivers.size > 0) return { drivers, ...access(client) };
  if (made.ok) await client.delete(NAMES);
  client.close();
  return null;
}

interface Refusal {
  readonly of: Family | 'all';
  readonly error: BackendError | NetlinkError;
}

function errorOf(answer: IptablesDriver | BackendError): BackendError | null {
  return 'code' in answer ? answer : null;
}

function createRetry({ clock }: CounterParts, logger: Logger) {
  return <T>(ask: () => Promise<T>, problem: (answer: T) => Refusal['error'] | null): Promise<T> =>
    retryWhileTransient(ask, {
      clock,
      milliseconds: PATIENCE_MS,
      problem,
      onRetry: (error) => logger.debug(2, 'Retrying to create packet counters', { why: inOneLine(error) }),
    });
}

/** A node that cannot count is a detail (v=2); a refusal because something was busy is a warning, since a new start may succeed. */
function logRefusals(logger: Logger, refusals: readonly Refusal[]): void {
  if (refusals.length === 0) return;
  const why = refusals
    .map(({ of, error }) => `${of === 'all' ? '' : `${of}: `}${inOneLine(error)}`)
    .join('; ');
  if (refusals.some(({ error }) => isTransient(error))) {
    logger.warning('Packet counters unavailable until the next start', { why });
  } else logger.debug(2, 'Packets are not counted', { why });
}

function inOneLine({ operation, message }: BackendError | NetlinkError): string {
  return `${operation}: ${message}`;
}

function systemParts(logger: Logger): CounterParts {
  return {
    client: createAccountingClient(),
    probe: (family) => probeFamily(family, logger),
    clock: systemClock,
  };
}

async function probeFamily(family: Family, logger: Logger): Promise<IptablesDriver | BackendError> {
  // The backend goes on with this driver.
  const onNotice: OnToolNotice = ({ message, data }) => logger.warning(message, data);
  const driver = createExecDriver({ family, onNotice });
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

/** Another process that empties the tables may remove the objects, too, and without them every rule is refused. */
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

interface CountersCleanerParts {
  readonly connect?: () => AccountingClient;
  readonly clock?: Clock;
}

/** Takes the objects away, once no rule of any family or tool refers to them. */
export function countersCleaner({
  connect = () => createAccountingClient(),
  clock = systemClock,
}: CountersCleanerParts = {}): Cleaner {
  return {
    mode: 'iptables',
    family: null,
    clean: async () => {
      const client = connect();
      const result = await removeCounters(client, clock);
      client.close();
      return result;
    },
  };
}

async function removeCounters(client: AccountingClient, clock: Clock): Promise<CleanupResult> {
  const removed: string[] = [];
  for (const wait of [...RELEASE_WAITS_MS, null]) {
    const result = await client.delete(NAMES);
    if (!result.ok) {
      // A kernel without them has none.
      if (result.error.code === 'unsupported') break;
      return { outcome: 'failed', error: toBackendError(result.error) };
    }
    removed.push(...result.value.deleted.map((name) => `accounting object ${name}`));
    if (result.value.inUse.length === 0 || wait === null) break;
    await pause(clock, wait);
  }
  return { outcome: 'ok', removed };
}
