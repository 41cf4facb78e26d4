/** Credential plugins: a command that prints an ExecCredential (client.authentication.k8s.io). */
import { execFile, type ChildProcess } from 'node:child_process';

import { type Clock, type Result, succeed } from '@signalbox/core';

import type { ExecSettings } from '../config/cluster-config.ts';

export interface ExecCredential {
  readonly token: string | null;
  readonly clientCertificate: { readonly certificate: string; readonly key: string } | null;
}

export interface ExecPlugin {
  /** Runs the command if there is no valid credential; callers at the same time share one run. */
  read(): Promise<Result<ExecCredential, string>>;
  invalidate(): void;
  /** Ends the command if it is running. */
  readonly stop: () => void;
}

/** The cluster information for a plugin (`provideClusterInfo`). */
export interface ExecClusterInfo {
  readonly server: string;
  readonly 'tls-server-name'?: string;
  readonly 'insecure-skip-tls-verify'?: boolean;
  readonly 'certificate-authority-data'?: string;
}

interface Cached {
  readonly credential: ExecCredential;
  /** Milliseconds since 1970; `Infinity` if the plugin names no end. */
  readonly expiresAt: number;
}

const RUN_LIMIT_MS = 60_000;
/** After the command has ended. A process that it left behind may keep the pipes open for ever. */
const DRAIN_LIMIT_MS = 1_000;
const OUTPUT_LIMIT = 1 << 20;
/** A credential about to expire could expire before the request arrives. */
const MARGIN_MS = 10_000;

export function createExecPlugin(
  settings: ExecSettings,
  clusterInfo: () => Promise<ExecClusterInfo>,
  clock: Clock,
): ExecPlugin {
  let cached: Cached | null = null;
  let running: Promise<Result<ExecCredential, string>> | null = null;
  const stopping = { stop: (): void => undefined };

  const renew = async (): Promise<Result<ExecCredential, string>> => {
    const info = settings.provideClusterInfo ? { cluster: await clusterInfo() } : {};
    const run = { settings, clock, stopping, spec: { interactive: false, ...info } };
    const printed = await runCommand(run);
    const parsed = printed.ok ? parseExecCredential(printed.value, settings) : printed;
    if (!parsed.ok) return parsed;
    cached = parsed.value;
    return succeed(parsed.value.credential);
  };

  return {
    read() {
      if (cached !== null && clock.now() < cached.expiresAt - MARGIN_MS) {
        return Promise.resolve(succeed(cached.credential));
      }
      running ??= renew()
        .catch((error: unknown) => ({ ok: false, error: `${settings.command}: ${String(error)}` }) as const)
        .finally(() => {
          running = null;
        });
      return running;
    },
    invalidate() {
      cached = null;
    },
    stop: () => stopping.stop(),
  };
}

interface Run {
  readonly settings: ExecSettings;
  readonly spec: unknown;
  readonly clock: Clock;
  readonly stopping: { stop: () => void };
}

function runCommand({ settings, spec, clock, stopping }: Run): Promise<Result<string, string>> {
  const info = JSON.stringify({ apiVersion: settings.apiVersion, kind: 'ExecCredential', spec });
  const own = Object.fromEntries(settings.env.map(({ name, value }) => [name, value]));
  const env = { ...settings.inherit, ...own, KUBERNETES_EXEC_INFO: info };
  // Not Node's own `timeout`: it sends SIGTERM and then waits for the end, which a command may ignore.
  const limits = { maxBuffer: OUTPUT_LIMIT, killSignal: 'SIGKILL' } as const;
  const hint = settings.installHint.split('\n')[0];
  return new Promise((resolve) => {
    const settle = (result: Result<string, string>): void => {
      cancel();
      resolve(result);
    };
    const fail = (...why: (string | undefined)[]): void =>
      settle({ ok: false, error: `${settings.command}: ${[...why, hint].filter(Boolean).join('; ')}` });
    const end = (why: string): void => {
      fail(why);
      abandon(child);
    };
    // Before the start: the promise is rejected where that throws, for want of memory or with too many arguments.
    let cancel = (): void => undefined;
    const child = execFile(settings.command, settings.args, { ...limits, env }, (error, stdout, stderr) => {
      if (error === null) settle(succeed(stdout));
      else fail(reasonOf(error), stderr.trim().split('\n').at(-1));
    });
    cancel = clock.schedule(RUN_LIMIT_MS, () => end(`no end after ${RUN_LIMIT_MS / 1000} s`));
    stopping.stop = () => end('stopped');
    child.on('exit', () => {
      cancel();
      cancel = clock.schedule(DRAIN_LIMIT_MS, () => closePipes(child));
    });
    child.stdin?.on('error', () => undefined).end();
  });
}

function abandon(child: ChildProcess): void {
  child.kill('SIGKILL');
  closePipes(child);
}

function closePipes(child: ChildProcess): void {
  for (const pipe of child.stdio) pipe?.destroy();
}

function reasonOf(error: Error & { readonly code?: unknown }): string {
  if (typeof error.code === 'number') return `exit status ${error.code}`;
  return error.code === 'ENOENT' ? 'command not found' : (error.message.split('\n')[0] ?? '');
}

/** The error is one line that names the command and the field. */
function parseExecCredential(text: string, settings: ExecSettings): Result<Cached, string> {
  const refuse = (reason: string): { readonly ok: false; readonly error: string } => ({
    ok: false,
    error: `${settings.command}: ${reason}`,
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return refuse('its output is not JSON');
  }
  const { kind, apiVersion, status } = asRecord(value);
  if (kind !== 'ExecCredential') return refuse('its output has no kind: ExecCredential');
  if (apiVersion !== settings.apiVersion) {
    return refuse(
      `its output has apiVersion ${JSON.stringify(apiVersion)}, ${settings.apiVersion} was asked for`,
    );
  }
  const { token, clientCertificateData, clientKeyData, expirationTimestamp } = asRecord(status);
  const certificate = isText(clientCertificateData) ? clientCertificateData : null;
  const key = isText(clientKeyData) ? clientKeyData : null;
  if ((certificate === null) !== (key === null)) {
    return refuse('status.clientCertificateData and status.clientKeyData come together or not at all');
  }
  if (!isText(token) && certificate === null) return refuse('status.token is not set');
  const expiresAt = isText(expirationTimestamp) ? Date.parse(expirationTimestamp) : Infinity;
  if (Number.isNaN(expiresAt)) return refuse('status.expirationTimestamp is not a time');
  const clientCertificate = certificate === null || key === null ? null : { certificate, key };
  return succeed({ credential: { token: isText(token) ? token : null, clientCertificate }, expiresAt });
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
