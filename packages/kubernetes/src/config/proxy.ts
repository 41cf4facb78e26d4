import type { Environment } from './cluster-config.ts';

const VARIABLES = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'];

/** The variables that clients of an API server have always obeyed. */
export function proxyFromEnvironment(env: Environment): Environment {
  return Object.fromEntries(VARIABLES.filter((name) => env[name]).map((name) => [name, env[name]]));
}
