/** Every flag of the command line, made of the table of the configuration and of the flags that stand alone. */
import type { FlagGroup } from '../config/field.ts';
import { FIELDS, type FieldAt } from '../config/fields.ts';
import { kindOf, type KindName } from '../config/kinds.ts';
import type { FieldPath } from '../config/types.ts';
import { STANDALONE } from './standalone.ts';

export interface Flag {
  readonly name: string;
  readonly kind: KindName;
  /** As help and /flagz show it; also what applies when neither flag nor file sets anything. */
  readonly initial: string;
  readonly group: FlagGroup;
  readonly help: string;
  /** The field of the configuration that it sets. Absent: the flag stands alone. */
  readonly field?: FieldPath;
  /** The flag counts even with `--config`, where flags with a field are otherwise ignored. */
  readonly winsOverFile?: boolean;
  readonly deprecated?: string;
  /** The only values that it may have. */
  readonly choices?: readonly string[];
}

const ORDER: Readonly<Record<FlagGroup, number>> = {
  General: 0,
  'Kubernetes API': 1,
  Node: 2,
  'Proxy mode': 3,
  'iptables mode': 4,
  'ipvs mode': 5,
  'userspace mode': 6,
  'kernelspace mode (Windows)': 7,
  'Traffic detection': 8,
  'Connection tracking': 9,
  'Health and metrics': 10,
  Logging: 11,
};

/** In the order of `--help`. */
export const FLAGS: readonly Flag[] = [
  ...Object.entries(STANDALONE).map(([name, flag]) => ({
    initial: kindOf(flag.kind).format(kindOf(flag.kind).initial),
    ...flag,
    name,
  })),
  ...FIELDS.flatMap(flagOf),
].sort((a, b) => ORDER[a.group] - ORDER[b.group]);

function flagOf({ path, kind, withoutFile, flag, ...field }: FieldAt): readonly Flag[] {
  const { group = 'General', help = '', flagInitial = kindOf(kind).format(withoutFile) } = field;
  const { winsOverFile = false } = field;
  return flag === undefined
    ? []
    : [{ name: flag, kind, group, help, field: path, initial: flagInitial, winsOverFile }];
}

const BY_NAME: ReadonlyMap<string, Flag> = new Map(FLAGS.map((flag) => [flag.name, flag]));

export function flagNamed(name: string): Flag | undefined {
  return BY_NAME.get(name);
}
