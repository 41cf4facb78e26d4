/** Kubeconfig text → ClusterConfig. Pure: files it names are read later, and again whenever they change. */
import { succeed, type Result } from '@signalbox/core';
import { isAbsolute, resolve } from 'node:path';

import {
  boolYaml11Tag,
  CORE_SCHEMA,
  floatYaml11Tag,
  intYaml11Tag,
  load,
  mergeTag,
  nullYaml11Tag,
} from 'js-yaml';

import {
  configError,
  type AuthSettings,
  type ClusterConfig,
  type Environment,
  type ExecSettings,
  type Headers,
  type Material,
  type ProxySettings,
  type TlsSettings,
  type ConfigError,
} from './cluster-config.ts';
import { readFields, type FieldReader } from './fields.ts';
import { isHeaderValue, NO_HEADER_VALUE } from './header-value.ts';
import { isSupportedProxy } from './proxy.ts';
import { checkServerUrl } from './server-url.ts';

/** YAML 1.1 as far as JSON has it: what client-go reads kubeconfigs as (`yes` is true). */
const SCHEMA = CORE_SCHEMA.withTags(nullYaml11Tag, boolYaml11Tag, intYaml11Tag, floatYaml11Tag, mergeTag);

/** The text of a kubeconfig, and what its relative paths, credential plugin and proxy depend on. */
export interface KubeconfigSource {
  readonly text: string;
  /** For messages. */
  readonly file: string;
  /** Relative paths in a kubeconfig start here. */
  readonly folder: string;
  /** Proxy variables, if the cluster has no `proxy-url`; inherited by the credential plugin. */
  readonly env: Environment;
  /** Takes the place of the cluster's `server`, if not empty. */
  readonly master: string;
}

/** Computes the configuration of the kubeconfig's `current-context`. The error names the first field that is wrong. */
export function parseKubeconfig(source: KubeconfigSource): Result<ClusterConfig, ConfigError> {
  let value: unknown;
  try {
    value = load(source.text, { schema: SCHEMA });
  } catch (error) {
    return configError(source.file, '', `not YAML: ${firstLine(error)}`);
  }
  const root = readFields(value);
  const config = readConfig(root.reader, source);
  if (root.first !== null) return configError(source.file, root.first.field, root.first.reason);
  return succeed(config);
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n')[0] ?? text;
}

function readConfig(root: FieldReader, source: KubeconfigSource): ClusterConfig {
  const context = named(root, 'contexts', root.text('current-context'), 'current-context')?.child('context');
  const cluster = context && pick(root, context, 'cluster');
  // A context without a user is allowed: an API server without authentication.
  const user = context && context.text('user') !== '' ? pick(root, context, 'user') : undefined;
  const server = cluster === undefined ? '' : readServer(cluster, source.master);
  return {
    servers: [server],
    tls: readTls(cluster ?? readFields({}).reader, source),
    auth: readAuth(user ?? readFields({}).reader, source),
    proxy: readProxy(cluster, source.env),
  };
}

function pick(root: FieldReader, context: FieldReader, kind: 'cluster' | 'user'): FieldReader | undefined {
  const entry = named(root, `${kind}s`, context.text(kind), `${context.path}.${kind}`);
  return entry?.child(kind);
}

/** The entry of a list of `{name, …}`. */
function named(root: FieldReader, list: string, name: string, field: string): FieldReader | undefined {
  const found = root.list(list).find((entry) => entry.text('name') === name);
  const reason = name === '' ? 'it is not set' : `there is no entry named ${JSON.stringify(name)} in ${list}`;
  if (found === undefined) root.refuse(field, reason);
  return found;
}

function readServer(cluster: FieldReader, master: string): string {
  if (master !== '') return master;
  const checked = checkServerUrl(cluster.text('server'), 'https');
  if (checked.ok) return checked.value;
  cluster.refuse('server', checked.error);
  return '';
}

function readTls(cluster: FieldReader, source: KubeconfigSource): TlsSettings {
  const ca = readMaterial(cluster, 'certificate-authority', source);
  const insecureSkipVerify = cluster.flag('insecure-skip-tls-verify');
  if (insecureSkipVerify && ca !== null) {
    cluster.refuse(
      'insecure-skip-tls-verify',
      'a certificate authority is given too; only one of them can hold',
    );
  }
  return { ca, insecureSkipVerify, serverName: cluster.text('tls-server-name') || null };
}

function readProxy(cluster: FieldReader | undefined, env: Environment): ProxySettings {
  const url = cluster?.text('proxy-url') ?? '';
  if (url === '') return { from: 'environment', env };
  if (!isSupportedProxy(url)) cluster?.refuse('proxy-url', 'only http:// and https:// proxies are supported');
  return { from: 'url', url };
}

/** `<field>-data` (base64) has precedence over `<field>` (a path). */
function readMaterial(reader: FieldReader, field: string, source: KubeconfigSource): Material | null {
  const data = reader.text(`${field}-data`);
  if (data !== '') {
    const pem = Buffer.from(data, 'base64').toString('utf8');
    if (!pem.includes('-----BEGIN ')) reader.refuse(`${field}-data`, 'it is not PEM in base64');
    return { from: 'data', pem };
  }
  const path = reader.text(field);
  return path === '' ? null : { from: 'file', path: resolve(source.folder, path) };
}

function readAuth(user: FieldReader, source: KubeconfigSource): AuthSettings {
  if (user.child('auth-provider').text('name') !== '') {
    user.refuse('auth-provider', 'it was removed from Kubernetes in 1.26; use exec');
  }
  const tokenFile = user.text('tokenFile');
  const username = user.text('username');
  const exec = readExec(user, source);
  return {
    token: readToken(user),
    tokenFile: tokenFile === '' ? null : resolve(source.folder, tokenFile),
    basic: username === '' ? null : { username, password: user.text('password') },
    clientCertificate: readClientCertificate(user, source),
    exec,
    impersonate: readImpersonation(user),
  };
}

function readToken(user: FieldReader): string | null {
  const token = user.text('token');
  if (!isHeaderValue(token)) user.refuse('token', NO_HEADER_VALUE);
  return token || null;
}

function readImpersonation(user: FieldReader): Headers {
  const name = user.text('as');
  const uid = user.text('as-uid');
  const groups = user.texts('as-groups');
  if (name === '' && (uid !== '' || groups.length > 0)) {
    user.refuse('as', 'it is not set, and there are as-uid or as-groups');
  }
  if (![name, uid, ...groups].every(isHeaderValue)) user.refuse('as', NO_HEADER_VALUE);
  if (user.has('as-user-extra')) user.refuse('as-user-extra', 'it is not supported');
  return {
    ...(name === '' ? {} : { 'impersonate-user': name }),
    ...(uid === '' ? {} : { 'impersonate-uid': uid }),
    ...(groups.length === 0 ? {} : { 'impersonate-group': [...groups] }),
  };
}

function readClientCertificate(
  user: FieldReader,
  source: KubeconfigSource,
): AuthSettings['clientCertificate'] {
  const certificate = readMaterial(user, 'client-certificate', source);
  const key = readMaterial(user, 'client-key', source);
  if (certificate !== null && key !== null) return { certificate, key };
  if (certificate !== null) user.refuse('client-key', 'it is missing, and there is a client-certificate');
  if (key !== null) user.refuse('client-certificate', 'it is missing, and there is a client-key');
  return null;
}

const EXEC_VERSIONS = ['client.authentication.k8s.io/v1', 'client.authentication.k8s.io/v1beta1'];

function readExec(user: FieldReader, source: KubeconfigSource): ExecSettings | null {
  const exec = user.child('exec');
  const command = exec.text('command');
  const apiVersion = exec.text('apiVersion');
  if (command === '' && apiVersion === '') return null;
  if (command === '') exec.refuse('command', 'it is not set');
  if (!EXEC_VERSIONS.includes(apiVersion)) {
    exec.refuse('apiVersion', `must be ${EXEC_VERSIONS.join(' or ')}, is ${JSON.stringify(apiVersion)}`);
  }
  if (exec.text('interactiveMode') === 'Always') {
    exec.refuse('interactiveMode', 'a service proxy has no user to prompt');
  }
  // A bare name is looked up in PATH; anything with a slash in it is a path.
  const isPath = command.includes('/') && !isAbsolute(command);
  return {
    apiVersion,
    command: isPath ? resolve(source.folder, command) : command,
    args: exec.texts('args'),
    env: exec.list('env').map((entry) => ({ name: entry.text('name'), value: entry.text('value') })),
    provideClusterInfo: exec.flag('provideClusterInfo'),
    installHint: exec.text('installHint'),
    inherit: source.env,
  };
}
