import type { ConfigurationOf, PathsOf } from './field.ts';
import type { SCHEMA } from './schema.ts';

/** A decoded configuration: every field present, durations in milliseconds. Field names are the file's. */
export type KubeProxyConfiguration = ConfigurationOf<typeof SCHEMA>;
export type ConntrackSection = KubeProxyConfiguration['conntrack'];
export type LoggingSection = KubeProxyConfiguration['logging'];

type SectionWith<Fields> = {
  [Key in keyof KubeProxyConfiguration]: KubeProxyConfiguration[Key] extends Fields ? Key : never;
}[keyof KubeProxyConfiguration];

/** Sections that have periods of syncs. */
export type SyncSection = SectionWith<{ syncPeriod: number }>;
export type MasqueradeSection = SectionWith<{ masqueradeBit: number }>;

/** `iptables.masqueradeBit` */
export type FieldPath = PathsOf<typeof SCHEMA>;

export type Platform = 'linux' | 'windows';
