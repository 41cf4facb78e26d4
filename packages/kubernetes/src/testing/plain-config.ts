import { DEFAULT_TLS, NO_AUTH, type ClusterConfig } from '../config/cluster-config.ts';

/** A configuration that names nothing but servers; `more` replaces parts of it. */
export function plainConfig(servers: readonly string[], more: Partial<ClusterConfig> = {}): ClusterConfig {
  return { servers, tls: DEFAULT_TLS, auth: NO_AUTH, proxy: { from: 'environment', env: {} }, ...more };
}
