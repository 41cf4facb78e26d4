/** The credentials for the next request, from any source that the configuration names, read again when they may have changed. */
import { type Clock, type Result, succeed } from '@signalbox/core';

import type { ClusterConfig, Headers } from '../config/cluster-config.ts';
import { isHeaderValue, NO_HEADER_VALUE } from '../config/header-value.ts';
import {
  createExecPlugin,
  type ExecClusterInfo,
  type ExecCredential,
  type ExecPlugin,
} from './exec-plugin.ts';
import { constantValue, fileValue, materialValue, type SecretValue } from './secret-value.ts';

export interface TlsMaterial {
  readonly ca: string | null;
  readonly certificate: string | null;
  readonly key: string | null;
}

export interface Identity {
  /** Value of the Authorization header. */
  readonly authorization: string | null;
  /** Further headers of the identity (impersonation). */
  readonly headers: Headers;
  readonly tls: TlsMaterial;
}

export interface IdentitySource {
  read(): Promise<Result<Identity, string>>;
  /** The server rejected the credentials: everything is read again before the next request. */
  invalidate(): void;
  /** Ends a credential plugin that is running. */
  readonly stop: () => void;
}

export function createIdentitySource(config: ClusterConfig, clock: Clock): IdentitySource {
  const { auth, tls } = config;
  const ca = optional(tls.ca, (material) => materialValue(material, clock));
  const certificate = optional(auth.clientCertificate, (pair) => materialValue(pair.certificate, clock));
  const key = optional(auth.clientCertificate, (pair) => materialValue(pair.key, clock));
  const token = tokenOf(config, clock);
  const plugin = optional(auth.exec, (exec) =>
    createExecPlugin(exec, () => describeCluster(config, ca), clock),
  );

  return {
    async read() {
      const exec = await readPlugin(plugin);
      if (!exec.ok) return exec;
      const texts = await readAll({ ca, certificate, key, token });
      if (!texts.ok) return texts;
      const bearer = texts.value.token ?? exec.value.token;
      if (bearer !== null && !isHeaderValue(bearer))
        return { ok: false, error: `${bearerName(config)}: ${NO_HEADER_VALUE}` };
      const pair = exec.value.clientCertificate ?? texts.value;
      return succeed({
        authorization: bearer === null ? basicOf(config) : `Bearer ${bearer}`,
        headers: auth.impersonate,
        tls: { ca: texts.value.ca, certificate: pair.certificate, key: pair.key },
      });
    },
    invalidate() {
      for (const part of [ca, certificate, key, token, plugin]) part?.invalidate();
    },
    stop: () => plugin?.stop(),
  };
}

function optional<In, Out>(value: In | null, make: (value: In) => Out): Out | null {
  return value === null ? null : make(value);
}

function tokenOf({ auth }: ClusterConfig, clock: Clock): SecretValue | null {
  if (auth.tokenFile !== null) return fileValue(auth.tokenFile, clock);
  return optional(auth.token, constantValue);
}

/** Sources of the bearer token, in order of precedence. */
function bearerName({ auth }: ClusterConfig): string {
  if (auth.tokenFile !== null) return auth.tokenFile;
  return auth.token !== null || auth.exec === null ? 'token' : `${auth.exec.command}: status.token`;
}

function basicOf({ auth }: ClusterConfig): string | null {
  if (auth.basic === null) return null;
  const pair = `${auth.basic.username}:${auth.basic.password}`;
  return `Basic ${Buffer.from(pair, 'utf8').toString('base64')}`;
}

const NO_CREDENTIAL: ExecCredential = { token: null, clientCertificate: null };

function readPlugin(plugin: ExecPlugin | null): Promise<Result<ExecCredential, string>> {
  return plugin === null ? Promise.resolve(succeed(NO_CREDENTIAL)) : plugin.read();
}

type Texts<Name extends string> = Record<Name, string | null>;

/** All of them, or the first error. */
async function readAll<Name extends string>(
  values: Readonly<Record<Name, SecretValue | null>>,
): Promise<Result<Texts<Name>, string>> {
  const texts: Partial<Texts<Name>> = {};
  for (const name of Object.keys(values) as Name[]) {
    const read = (await values[name]?.read()) ?? succeed(null);
    if (!read.ok) return read;
    texts[name] = read.value;
  }
  return succeed(texts as Texts<Name>);
}

async function describeCluster(config: ClusterConfig, ca: SecretValue | null): Promise<ExecClusterInfo> {
  const { serverName, insecureSkipVerify } = config.tls;
  const pem = await ca?.read();
  return {
    server: config.servers[0] ?? '',
    ...(serverName === null ? {} : { 'tls-server-name': serverName }),
    ...(insecureSkipVerify ? { 'insecure-skip-tls-verify': true } : {}),
    ...(pem?.ok === true ? { 'certificate-authority-data': Buffer.from(pem.value).toString('base64') } : {}),
  };
}
