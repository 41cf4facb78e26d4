export { guardApiEndpoints, type GuardOptions } from './api-endpoints-guard.ts';
export type {
  AuthSettings,
  ClusterConfig,
  ConfigError,
  Environment,
  ExecSettings,
  Material,
  ProxySettings,
  TlsSettings,
} from './config/cluster-config.ts';
export { isHeaderValue, NO_HEADER_VALUE } from './config/header-value.ts';
export { loadClusterConfig, type LoadOptions } from './config/load-cluster-config.ts';
export { parseKubeconfig, type KubeconfigSource } from './config/parse-kubeconfig.ts';
export type { ClusterEvent } from './events/cluster-event.ts';
export {
  createEventRecorder,
  type EventRecorder,
  type EventRecorderOptions,
} from './events/event-recorder.ts';
export {
  createApiClient,
  type ApiAnswer,
  type ApiClient,
  type ApiClientOptions,
  type ApiRequest,
} from './http/api-client.ts';
export type { ApiError, ApiErrorCode } from './http/api-error.ts';
export {
  createKubernetesSource,
  type KubernetesSource,
  type KubernetesSourceOptions,
} from './kubernetes-source.ts';
export type { WatchConnection } from './reflector/contact.ts';
export { readSmallFile } from './small-file.ts';
export type * from './wire.ts';
