/** One LIST, page by page. */
import type { Resource, Result } from '@signalbox/core';

import type { ApiClient } from '../http/api-client.ts';
import { apiError, type ApiError } from '../http/api-error.ts';
import { readBody } from '../http/body.ts';
import type { Format } from '../http/formats.ts';
import { TooLargeError } from '../http/limits.ts';
import { createListSplitter, type ListSplitter } from '../http/list-splitter.ts';
import { ProtobufError } from '../protobuf/cursor.ts';
import { createProtobufListSplitter } from '../protobuf/list-splitter.ts';
import { pathWith, type WatchedResource } from './resources.ts';

export interface ListRequest {
  readonly client: ApiClient;
  readonly watched: WatchedResource;
  /** `0`: as the server's cache has it; a version: not older than that; empty: the newest, from etcd. */
  readonly version: string;
  /** `pages` reduces load on etcd; `whole` needs no continue token, which may grow too old between two pages. */
  readonly extent: 'pages' | 'whole';
  readonly signal: AbortSignal;
  readonly onItems: (items: readonly unknown[]) => void;
}

export interface Listed {
  readonly version: string;
  /** The server that gave it. */
  readonly server: string;
}

const PAGE_SIZE = 500;
const LIMITS = { idleMs: () => 30_000, totalMs: 300_000 };

export async function readList(request: ListRequest): Promise<Result<Listed, ApiError>> {
  const limit: Record<string, string> = request.extent === 'pages' ? { limit: String(PAGE_SIZE) } : {};
  const start = request.version === '' ? {} : { resourceVersion: request.version };
  let parameters: Record<string, string> = { ...limit, ...start };
  for (;;) {
    const page = await readPage(request, parameters);
    if (!page.ok || page.value.next === '') return page;
    parameters = { ...limit, continue: page.value.next };
  }
}

interface Page extends Listed {
  /** Continue token; empty after the last page. */
  readonly next: string;
}

async function readPage(
  request: ListRequest,
  parameters: Readonly<Record<string, string>>,
): Promise<Result<Page, ApiError>> {
  const { client, watched, signal } = request;
  const opened = await client.open({
    method: 'GET',
    path: pathWith(watched, parameters),
    gzip: 'accepted',
    protobuf: 'accepted',
    signal,
  });
  if (!opened.ok) return opened;
  const { server, format, body, notUnderstood } = opened.value;
  const splitter = createListReader(format, watched.resource);
  try {
    const broken = await readBody(body, client.clock, LIMITS, (chunk) => {
      const items = splitter.push(chunk);
      if (items.length > 0 && !signal.aborted) request.onItems(items);
      return undefined;
    });
    if (broken !== null) return refuse(server, broken);
    const page = checkEnvelope(splitter.end(), watched, server);
    if (!page.ok) notUnderstood();
    return page;
  } catch (error) {
    body.destroy();
    notUnderstood();
    return refuse(server, apiError('bad-response', describe(error)));
  }
}

export function createListReader(format: Format, resource: Resource): ListSplitter {
  return format === 'json' ? createListSplitter() : createProtobufListSplitter(resource);
}

function describe(error: unknown): string {
  if (error instanceof TooLargeError) return error.message;
  if (error instanceof ProtobufError) return `the list is not protobuf: ${error.message}`;
  return `the list is not JSON: ${String(error)}`;
}

function refuse(server: string, error: ApiError): { readonly ok: false; readonly error: ApiError } {
  return { ok: false, error: { ...error, message: `${server}: ${error.message}` } };
}

/** A list of another kind than requested must not be treated as an empty list. */
function checkEnvelope(value: unknown, watched: WatchedResource, server: string): Result<Page, ApiError> {
  const { kind, metadata } = (value ?? {}) as {
    kind?: unknown;
    metadata?: { resourceVersion?: unknown; continue?: unknown };
  };
  const version = metadata?.resourceVersion;
  const next = metadata?.continue ?? '';
  if (kind !== `${watched.resource}List`) {
    return refuse(
      server,
      apiError('bad-response', `expected kind ${watched.resource}List, got ${String(kind)}`),
    );
  }
  if (typeof version !== 'string' || version === '' || typeof next !== 'string') {
    return refuse(server, apiError('bad-response', 'the list has no resourceVersion'));
  }
  return { ok: true, value: { version, next, server } };
}
