/** GET of a collection: whole from the cache, in pages from etcd, at a version that there must be. */
import type { IncomingMessage, ServerResponse } from 'node:http';

import { PROTOBUF } from '../http/formats.ts';
import { acceptsProtobuf, answer, answerStatus, jsonBody, type Body } from './answers.ts';
import type { ObjectStore, Stored, StoredKind } from './object-store.ts';
import { encodeList } from './protobuf-encode.ts';
import type { Matches } from './selectors.ts';

export interface Collection {
  readonly resource: StoredKind;
  readonly apiVersion: string;
}

export interface ListServer {
  serve(request: IncomingMessage, response: ServerResponse, asked: ListQuery): void;
}

export interface ListQuery {
  readonly collection: Collection;
  readonly query: URLSearchParams;
  readonly matches: Matches;
}

interface Rest {
  readonly items: readonly Stored[];
  readonly version: number;
}

export function createListServer(store: ObjectStore): ListServer {
  const rests = new Map<string, Rest>();
  let pages = 0;

  const remember = (rest: Rest): string => {
    const token = `page-${++pages}`;
    rests.set(token, rest);
    return token;
  };
  return {
    serve(request, response, { collection, query, matches }) {
      const token = query.get('continue') ?? '';
      const version = query.get('resourceVersion') ?? '';
      if (Number(version) > store.version) {
        const reason = `Too large resource version: ${version}, current: ${store.version}`;
        return answerStatus(response, 504, reason, { 'retry-after': '1' });
      }
      const all = token === '' ? fresh(store, collection.resource, matches) : rests.get(token);
      if (all === undefined || (token !== '' && all.version < store.compactedTo)) {
        return answerStatus(response, 410, 'The provided continue parameter is too old');
      }
      // Like the real one: what is answered from the cache comes whole.
      const limit = version === '0' ? 0 : Number(query.get('limit') ?? 0);
      const items = limit > 0 ? all.items.slice(0, limit) : all.items;
      const rest = { items: all.items.slice(items.length), version: all.version };
      const next = rest.items.length > 0 ? remember(rest) : '';
      const page = { version: all.version, next, inProtobuf: acceptsProtobuf(request) };
      answer(request, response, render(collection, items, page));
    },
  };
}

function fresh(store: ObjectStore, resource: StoredKind, matches: Matches): Rest {
  return { items: store.list(resource).filter(matches), version: store.version };
}

interface Page {
  readonly version: number;
  readonly next: string;
  readonly inProtobuf: boolean;
}

function render({ apiVersion, resource }: Collection, items: readonly Stored[], page: Page): Body {
  const { version, next, inProtobuf } = page;
  const metadata = { resourceVersion: String(version), ...(next === '' ? {} : { continue: next }) };
  if (!inProtobuf) return jsonBody(JSON.stringify({ kind: `${resource}List`, apiVersion, metadata, items }));
  return { type: PROTOBUF, bytes: encodeList(items, metadata, { apiVersion, kind: resource }) };
}
