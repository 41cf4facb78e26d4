/** Requests as the one JSON text that crosses into the native layer: flat, every value a string. */
import { SCHEMA_VERSION } from '../objects/hcn-documents.ts';
import type { HcnRequest } from '../objects/hcn-call.ts';

/** HNS reads the filter as a JSON text inside the JSON. */
export function encodeQuery(filter: Readonly<Record<string, string>>): string {
  const query = { SchemaVersion: SCHEMA_VERSION };
  const empty = Object.keys(filter).length === 0;
  return JSON.stringify(empty ? query : { ...query, Filter: JSON.stringify(filter) });
}

export function encodeRequest(request: HcnRequest): string {
  switch (request.op) {
    case 'hns':
      return JSON.stringify({ op: 'hns', method: 'GET', path: request.path });
    case 'list':
      return JSON.stringify({ op: 'list', kind: request.kind, query: encodeQuery(request.filter) });
    case 'create-endpoint':
      return JSON.stringify({ ...request, settings: JSON.stringify(request.settings) });
    case 'create-load-balancer':
    case 'modify-load-balancer':
      return JSON.stringify({ ...request, settings: JSON.stringify(request.settings) });
    case 'delete-endpoint':
    case 'delete-load-balancer':
      return JSON.stringify(request);
  }
}
