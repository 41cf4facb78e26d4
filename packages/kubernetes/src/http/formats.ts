/** How objects are written in answers. */
import type { IncomingMessage } from 'node:http';

export type Format = 'json' | 'protobuf';

export const PROTOBUF = 'application/vnd.kubernetes.protobuf';
const JSON_TYPE = 'application/json';

/** API servers from 1.38 on can leave out metadata.managedFields; older ones ignore the parameter. */
const withoutManagedFields = (type: string): string => `${type};drop=metadata.managedFields, ${type}`;

/** JSON is always accepted too: an extension of the API server may support nothing else. */
export const ACCEPT: Readonly<Record<Format, string>> = {
  json: withoutManagedFields(JSON_TYPE),
  protobuf: `${withoutManagedFields(PROTOBUF)}, ${withoutManagedFields(JSON_TYPE)}`,
};

/** The format of a content type given by a flag. For an unknown type JSON is requested, which every API server supports. */
export function formatNamed(contentType: string): Format {
  return contentType.includes(PROTOBUF) ? 'protobuf' : 'json';
}

export function formatOf({ headers }: IncomingMessage): Format {
  return formatNamed(headers['content-type'] ?? '');
}
