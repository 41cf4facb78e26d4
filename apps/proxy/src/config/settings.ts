import type { FieldValue } from './kinds.ts';
import type { TracingSettings } from './tracing.ts';
import type { KubeProxyConfiguration } from './types.ts';
import type { ProxyMode } from '../modes/proxy-mode.ts';

/** What the process runs with: the configuration, and the flags that have no place in it. */
export interface Settings {
  readonly config: KubeProxyConfiguration;
  /** What `config.mode` names. */
  readonly mode: ProxyMode;
  /** Neither flag nor file names the mode: it is the platform's default. */
  readonly defaultedMode: boolean;
  /** `--config`; empty without. */
  readonly configFile: string;
  /** What the file held when these settings were made of it. */
  readonly configText: string;
  readonly writeConfigTo: string;
  readonly cleanup: boolean;
  readonly initOnly: boolean;
  readonly master: string;
  /** `--manifests`; empty: an API server. */
  readonly manifests: string;
  /** `--strict`: a problem in the manifests at start is an error. */
  readonly strict: boolean;
  /** `--service-metrics`: most series; `null`: none. */
  readonly serviceMetrics: number | null;
  /** `--tracing-endpoint`; `null`: no traces. */
  readonly tracing: TracingSettings | null;
  /** `--version` as given: `false`, `true`, `raw` or `vX.Y.Z`. */
  readonly version: string;
  /** Trimmed and in lower case: compared byte for byte with `nodeName` of endpoints. */
  readonly nodeName: string;
  /** What a strict reading of the file refuses, and what was passed over. One line each; also among `warnings`. */
  readonly strictProblems: readonly string[];
  /** What the log should say about how these settings came to be. */
  readonly warnings: readonly string[];
  /** Flags that were given, for /flagz and the log. */
  readonly given: ReadonlyMap<string, FieldValue>;
}
