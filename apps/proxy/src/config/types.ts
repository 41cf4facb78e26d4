import type { ConfigurationOf, PathsOf } from './field.ts';
import type { SCHEMA } from './schema.ts';

/** A decoded configuration: every field present, durations in milliseconds. Field names are the file's. */
export type KubeProxyConfiguration = ConfigurationOf<typeof SCHEMA>;
export type ConntrackSection = KubeProxyConfiguration['conntrack'];
export type LoggingSection = KubeProxyConfiguration['logging'];

/** `iptables.masqueradeBit` */
export type FieldPath = PathsOf<typeof SCHEMA>;

export type Platform = 'linux' | 'windows';
