/** One command-line flag. The table of them (table/) is the whole interface: help, parsing and precedence read it. */
export type FlagKind =
  | 'string'
  | 'bool'
  | 'int32'
  | 'uint32'
  | 'float32'
  | 'duration'
  | 'strings'
  | 'bool-map'
  | 'vmodule'
  | 'quantity'
  | 'ip'
  | 'address'
  | 'tri-state';

export type FlagGroup =
  | 'General'
  | 'Kubernetes API'
  | 'Node'
  | 'Proxy mode'
  | 'iptables mode'
  | 'ipvs mode'
  | 'kernelspace mode (Windows)'
  | 'Traffic detection'
  | 'Connection tracking'
  | 'Health and metrics'
  | 'Logging';

export interface Flag {
  readonly name: string;
  readonly kind: FlagKind;
  /** As help and /flagz show it; also what applies when neither flag nor file says anything. */
  readonly initial: string;
  readonly group: FlagGroup;
  readonly help: string;
  /** The configuration field that it sets: `iptables.masqueradeBit`. Absent: the flag stands alone. */
  readonly field?: string;
  /** The flag counts even with `--config`, where flags with a field are otherwise ignored. */
  readonly winsOverFile?: true;
  readonly deprecated?: string;
  /** The only values that a `string` may have. */
  readonly choices?: readonly string[];
}

type More = Pick<Flag, 'field' | 'winsOverFile' | 'deprecated' | 'choices'>;
export type FlagRow = readonly [name: string, kind: FlagKind, initial: string, help: string, more?: More];

export function flagGroup(group: FlagGroup, rows: readonly FlagRow[]): readonly Flag[] {
  return rows.map(([name, kind, initial, help, more]) => ({ name, kind, initial, help, group, ...more }));
}
