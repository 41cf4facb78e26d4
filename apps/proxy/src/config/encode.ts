import { dump } from 'js-yaml';
import { API_VERSION, KIND } from './decode.ts';
import { formatDuration } from './duration.ts';
import { FIELDS, getField, setField, type Field, type FieldValue } from './fields.ts';
import type { KubeProxyConfiguration } from './types.ts';

/** Fields that the API type leaves out where they hold nothing; it writes all others. */
const OMITTED_WHEN_EMPTY: ReadonlySet<string> = new Set([
  'featureGates',
  'logging.vmodule',
  'logging.options.text.splitStream',
  'logging.options.json.splitStream',
  'windowsRunAsService',
]);

function isEmpty(value: FieldValue): boolean {
  return value === false || (typeof value === 'object' && Object.keys(value).length === 0);
}

/** The API object of a configuration: durations as text, fields in the API's order, as /configz shows it. */
export function toApiObject(config: KubeProxyConfiguration): Readonly<Record<string, unknown>> {
  const object = {} as KubeProxyConfiguration;
  for (const field of FIELDS) {
    if (OMITTED_WHEN_EMPTY.has(field.path) && isEmpty(getField(config, field.path))) continue;
    setField(object, field.path, encodeField(config, field) as string);
  }
  return { kind: KIND, apiVersion: API_VERSION, ...object };
}

function encodeField(config: KubeProxyConfiguration, field: Field): unknown {
  const value = getField(config, field.path);
  const isDuration = field.kind === 'duration' || field.kind === 'duration-or-nanoseconds';
  if (isDuration) return formatDuration(value as number);
  // Lists that the file leaves out are written as null, as the API type does.
  if (field.kind === 'strings' && (value as readonly string[]).length === 0) return null;
  return value;
}

/** The file that `--write-config-to` leaves: keys sorted, as Kubernetes writes YAML. */
export function toYaml(config: KubeProxyConfiguration): string {
  return dump(toApiObject(config), { sortKeys: true, lineWidth: -1 });
}
