/** Addresses of a cluster and the identity for it: plain values, from files or from the environment. */

/** PEM text, given at once or in a file that may be replaced at any time. */
export type Material =
  { readonly from: 'data'; readonly pem: string } | { readonly from: 'file'; readonly path: string };

/** The kubeconfig's `user.exec`: a command that prints an ExecCredential. It runs again when that expires or is rejected. */
export interface ExecSettings {
  /** `client.authentication.k8s.io/v1` or `client.authentication.k8s.io/v1beta1`. */
  readonly apiVersion: string;
  /** The path of the command, or its name, which is looked up in PATH. */
  readonly command: string;
  /** Arguments of the command. */
  readonly args: readonly string[];
  /** Added to `inherit`; these have precedence. */
  readonly env: readonly { readonly name: string; readonly value: string }[];
  /** Whether the variable KUBERNETES_EXEC_INFO also contains the server and its TLS settings (`spec.cluster`). */
  readonly provideClusterInfo: boolean;
  /** Its first line is appended to the error of a failed command; empty: none. */
  readonly installHint: string;
  /** The environment the plugin inherits. */
  readonly inherit: Environment;
}

/** How the certificate of an API server is verified. */
export interface TlsSettings {
  /** `null`: the certificate authorities of the runtime. */
  readonly ca: Material | null;
  /** True: the certificate is not verified. */
  readonly insecureSkipVerify: boolean;
  /** `null`: the host name of the server's URL. */
  readonly serverName: string | null;
}

/** Every way the kubeconfig gives; more than one may be set. A token file has precedence over a token. */
export interface AuthSettings {
  /** A bearer token. */
  readonly token: string | null;
  /** Path of a file with a bearer token. */
  readonly tokenFile: string | null;
  /** HTTP basic authentication, sent if there is no bearer token. */
  readonly basic: { readonly username: string; readonly password: string } | null;
  /** The certificate of the client for TLS. */
  readonly clientCertificate: { readonly certificate: Material; readonly key: Material } | null;
  /** A plugin that prints credentials. */
  readonly exec: ExecSettings | null;
  /** Headers of impersonation (`as`, `as-uid`, `as-groups`); empty: none. */
  readonly impersonate: Headers;
}

/** In small letters; a list is one line for each item. */
export type Headers = Readonly<Record<string, string | string[]>>;

/** The result of `loadClusterConfig` and `parseKubeconfig`: API servers, TLS, credentials and proxy. */
export interface ClusterConfig {
  /** Base URLs without a slash at the end. The first that answers is used; at least one. */
  readonly servers: readonly string[];
  /** How the server is verified. */
  readonly tls: TlsSettings;
  /** Credentials. */
  readonly auth: AuthSettings;
  /** The HTTP proxy between client and server. */
  readonly proxy: ProxySettings;
}

/** The kubeconfig's `proxy-url` applies to every server; the environment variables can have exceptions (NO_PROXY). */
export type ProxySettings =
  | { readonly from: 'url'; readonly url: string }
  | { readonly from: 'environment'; readonly env: Environment };

/** Environment variables by name, as `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Why a kubeconfig, the in-cluster configuration or a server address cannot be used. */
export interface ConfigError {
  /** The file at fault, or `environment`, `--master` or `servers`. */
  readonly file: string;
  /** `users[0].user.exec.command`; empty when the file as a whole is at fault. */
  readonly field: string;
  /** One line that names both. */
  readonly message: string;
}

export function configError(
  file: string,
  field: string,
  reason: string,
): { readonly ok: false; readonly error: ConfigError } {
  const where = field === '' ? file : `${file}: ${field}`;
  return { ok: false, error: { file, field, message: `${where}: ${reason}` } };
}

export const NO_AUTH: AuthSettings = {
  token: null,
  tokenFile: null,
  basic: null,
  clientCertificate: null,
  exec: null,
  impersonate: {},
};

export const DEFAULT_TLS: TlsSettings = { ca: null, insecureSkipVerify: false, serverName: null };
