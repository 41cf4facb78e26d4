/**
 * Frontends of UDP and SCTP service ports, kept in a file: flows to those that went away while no proxy ran are found by
 * the next one. Without the file only flows to ServiceCIDRs are.
 */
import type { Clock, FlowServicePort } from '@signalbox/core';
import type { Logger } from '../logging/logger.ts';
import type { StateFile } from '../node/state-file.ts';

export interface FrontendRecordOptions {
  readonly file: StateFile;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface FrontendRecord {
  /** What the file holds; empty where there is none, or it is not what this writes. */
  readonly load: () => Promise<readonly FlowServicePort[]>;
  /** Written now or a moment later; what is kept meanwhile replaces it. */
  readonly keep: (servicePorts: readonly FlowServicePort[]) => void;
}

/** Milliseconds from one writing to the next: a Service that comes and goes within it has no flows worth a file. */
const WRITE_INTERVAL = 1000;

const VERSION = 1;

export function createFrontendRecord({ file, clock, logger }: FrontendRecordOptions): FrontendRecord {
  const state = { next: null as readonly FlowServicePort[] | null, busy: false, written: '', failed: false };
  const write = async (): Promise<void> => {
    const text = encodeFrontends(state.next ?? []);
    state.next = null;
    if (text === state.written) return;
    const error = await file.write(text);
    if (error === null) state.written = text;
    else if (!state.failed)
      logger.info('UDP and SCTP frontends are not kept for the next start', { err: error });
    state.failed = error !== null;
  };
  const run = (): void => {
    state.busy = true;
    const rest = (): void => {
      clock.schedule(WRITE_INTERVAL, () => {
        state.busy = false;
        if (state.next !== null) run();
      });
    };
    write().then(rest, rest);
  };
  return {
    load: async () => {
      const text = await file.read();
      return text === null ? [] : decodeFrontends(text);
    },
    keep: (servicePorts) => {
      state.next = servicePorts;
      if (!state.busy) run();
    },
  };
}

export function encodeFrontends(servicePorts: readonly FlowServicePort[]): string {
  const list = servicePorts.map(({ name, frontends, servingEndpoints }) => ({
    name: { protocol: name.protocol },
    frontends: frontends.map((frontend) =>
      frontend.kind === 'node-port'
        ? { kind: frontend.kind, port: frontend.port }
        : { kind: frontend.kind, address: frontend.address, port: frontend.port },
    ),
    // They identify flows of a node port to addresses of the node that are not listed.
    servingEndpoints: frontends.some(({ kind }) => kind === 'node-port')
      ? servingEndpoints.map(({ address, port }) => ({ address, port }))
      : [],
  }));
  return `${JSON.stringify({ version: VERSION, servicePorts: list })}\n`;
}

/** All of it or nothing: a file that was written by another release may mean something else. */
export function decodeFrontends(text: string): readonly FlowServicePort[] {
  try {
    const content: unknown = JSON.parse(text);
    if (!isRecord(content) || content['version'] !== VERSION) return [];
    const list = content['servicePorts'];
    return Array.isArray(list) && list.every(isServicePort) ? list : [];
  } catch {
    return [];
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function isServicePort(value: unknown): value is FlowServicePort {
  if (!isRecord(value)) return false;
  const { name, frontends, servingEndpoints } = value;
  return (
    isRecord(name) &&
    (name['protocol'] === 'UDP' || name['protocol'] === 'SCTP') &&
    Array.isArray(frontends) &&
    frontends.every(isFrontend) &&
    Array.isArray(servingEndpoints) &&
    servingEndpoints.every(isAddressPort)
  );
}

const VIP_KINDS: ReadonlySet<unknown> = new Set(['cluster-ip', 'external-ip', 'load-balancer']);

function isFrontend(value: unknown): boolean {
  if (!isRecord(value)) return false;
  if (value['kind'] === 'node-port') return typeof value['port'] === 'number';
  return VIP_KINDS.has(value['kind']) && isAddressPort(value);
}

function isAddressPort(value: unknown): boolean {
  return isRecord(value) && typeof value['address'] === 'string' && typeof value['port'] === 'number';
}
