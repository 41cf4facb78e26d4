import { dump } from 'js-yaml';
import { API_VERSION, KIND } from './decode.ts';
import { FIELDS, getField, setField } from './fields.ts';
import { kindOf, type FieldValue } from './kinds.ts';
import type { KubeProxyConfiguration } from './types.ts';

function isEmpty(value: FieldValue): boolean {
  return value === false || (typeof value === 'object' && Object.keys(value).length === 0);
}

/** The API object of a configuration: durations as text, fields in the API's order, as /configz shows it. */
export function toApiObject(config: KubeProxyConfiguration): Readonly<Record<string, unknown>> {
  const object = { kind: KIND, apiVersion: API_VERSION };
  for (const { path, kind, omitEmpty } of FIELDS) {
    const value = getField(config, path);
    const { encode } = kindOf(kind);
    if (!omitEmpty || !isEmpty(value)) setField(object, path, encode === undefined ? value : encode(value));
  }
  return object;
}

/** The file that `--write-config-to` leaves: keys sorted, as Kubernetes writes YAML. */
export function toYaml(config: KubeProxyConfiguration): string {
  return dump(toApiObject(config), { sortKeys: true, lineWidth: -1 });
}
