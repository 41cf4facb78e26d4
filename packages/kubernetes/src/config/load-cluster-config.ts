import { succeed, type Result } from '@signalbox/core';
import { isIPv6 } from 'node:net';
import { dirname, join, resolve } from 'node:path';

import {
  configError,
  DEFAULT_TLS,
  NO_AUTH,
  type ClusterConfig,
  type Environment,
  type ConfigError,
} from './cluster-config.ts';
import { parseKubeconfig } from './parse-kubeconfig.ts';
import { isSupportedProxy, proxyFor } from './proxy.ts';
import { readSmallFile } from '../small-file.ts';
import { checkServerUrl } from './server-url.ts';

/** Flags, environment and folders from which `loadClusterConfig` computes the configuration. */
export interface LoadOptions {
  /** `--kubeconfig`; empty or absent: none. */
  readonly kubeconfig?: string;
  /** `--master`: takes the place of the kubeconfig's server. */
  readonly master?: string;
  /** Further API servers with the same credentials, tried when the first does not answer. */
  readonly servers?: readonly string[];
  /** KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT and the proxy variables are read; credential plugins inherit all. */
  readonly env: Environment;
  /** Where the pod's service account is mounted. */
  readonly serviceAccountFolder?: string;
}

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * A kubeconfig if one is named, the bare `--master` if only that is given, and else the in-cluster configuration of the pod
 * (`KUBERNETES_SERVICE_HOST` and its service account).
 */
export async function loadClusterConfig(options: LoadOptions): Promise<Result<ClusterConfig, ConfigError>> {
  const { kubeconfig = '', master = '', env } = options;
  const override = master === '' ? succeed('') : checkServerUrl(master, 'http');
  if (!override.ok) return configError('--master', '', override.error);
  const loaded = await loadBase(options, kubeconfig, override.value, env);
  if (!loaded.ok) return loaded;
  return addServers(loaded.value, options.servers ?? []);
}

function loadBase(
  options: LoadOptions,
  kubeconfig: string,
  master: string,
  env: Environment,
): Promise<Result<ClusterConfig, ConfigError>> {
  if (kubeconfig !== '') return loadKubeconfig(resolve(kubeconfig), master, env);
  if (master === '') return loadInCluster(env, options.serviceAccountFolder ?? SERVICE_ACCOUNT);
  const proxy = { from: 'environment', env } as const;
  return Promise.resolve(succeed({ servers: [master], tls: DEFAULT_TLS, auth: NO_AUTH, proxy }));
}

async function loadKubeconfig(
  file: string,
  master: string,
  env: Environment,
): Promise<Result<ClusterConfig, ConfigError>> {
  try {
    const text = await readSmallFile(file);
    return parseKubeconfig({ text, file, folder: dirname(file), env, master });
  } catch (error) {
    return configError(file, '', error instanceof Error ? error.message : String(error));
  }
}

async function loadInCluster(env: Environment, folder: string): Promise<Result<ClusterConfig, ConfigError>> {
  const host = env['KUBERNETES_SERVICE_HOST'] ?? '';
  const port = env['KUBERNETES_SERVICE_PORT'] ?? '';
  const reason = 'it is not set: not in a pod, and neither --kubeconfig nor --master is given';
  if (host === '') return configError('environment', 'KUBERNETES_SERVICE_HOST', reason);
  if (port === '') return configError('environment', 'KUBERNETES_SERVICE_PORT', reason);
  const server = checkServerUrl(`https://${isIPv6(host) ? `[${host}]` : host}:${port}`, 'https');
  if (!server.ok) return configError('environment', 'KUBERNETES_SERVICE_HOST', server.error);
  const tokenFile = join(folder, 'token');
  const ca = join(folder, 'ca.crt');
  const tokenError = await unreadable(tokenFile);
  if (tokenError !== null) return configError(tokenFile, '', tokenError);
  const hasCa = (await unreadable(ca)) === null;
  return succeed({
    servers: [server.value],
    tls: { ...DEFAULT_TLS, ca: hasCa ? { from: 'file', path: ca } : null },
    auth: { ...NO_AUTH, tokenFile },
    proxy: { from: 'environment', env },
  });
}

async function unreadable(file: string): Promise<string | null> {
  try {
    await readSmallFile(file);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function addServers(config: ClusterConfig, more: readonly string[]): Result<ClusterConfig, ConfigError> {
  const servers = [...config.servers];
  for (const text of more) {
    const checked = checkServerUrl(text, 'https');
    if (!checked.ok) return configError('servers', '', checked.error);
    if (!servers.includes(checked.value)) servers.push(checked.value);
  }
  return checkProxy({ ...config, servers });
}

function checkProxy(config: ClusterConfig): Result<ClusterConfig, ConfigError> {
  const proxies = config.servers.map((server) => proxyFor(new URL(server), config.proxy));
  const bad = proxies.find((proxy) => proxy !== null && !isSupportedProxy(proxy));
  if (bad === undefined) return succeed(config);
  return configError('environment', 'HTTPS_PROXY', 'only http:// and https:// proxies are supported');
}
