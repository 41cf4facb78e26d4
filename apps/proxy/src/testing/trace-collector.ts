/** A collector of OpenTelemetry in this process: OTLP/HTTP with JSON. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

interface KeyValue {
  readonly key: string;
  readonly value: { readonly stringValue?: string; readonly intValue?: number | string };
}

interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes?: readonly KeyValue[];
  readonly events?: readonly {
    readonly name: string;
    readonly timeUnixNano: string;
    readonly attributes: readonly KeyValue[];
  }[];
  readonly status?: { readonly code?: number; readonly message?: string };
}

interface Export {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] };
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[];
  }[];
}

export interface ReceivedSpan extends Omit<OtlpSpan, 'attributes' | 'events'> {
  readonly resource: Readonly<Record<string, unknown>>;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** Names and attributes. */
  readonly events: readonly (readonly [string, Readonly<Record<string, unknown>>])[];
}

export interface TraceCollector {
  readonly url: string;
  readonly spans: readonly ReceivedSpan[];
  /** Of the requests, in order. */
  readonly paths: readonly string[];
  /** `accept` at first. */
  behaviour: 'accept' | 'refuse' | 'silent';
  /** Answers the requests that got none, and accepts from now on. */
  release(): void;
  close(): Promise<void>;
}

export async function startTraceCollector(): Promise<TraceCollector> {
  const spans: ReceivedSpan[] = [];
  const paths: string[] = [];
  const held: (() => void)[] = [];
  const server = createServer((request, response) => {
    paths.push(request.url ?? '');
    const answer = async (): Promise<void> => {
      const body = await json(request);
      const accept = (): void => {
        spans.push(...spansOf(body as Export));
        response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      };
      if (collector.behaviour === 'accept') accept();
      else if (collector.behaviour === 'refuse') response.writeHead(400).end();
      else held.push(accept);
    };
    void answer();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const collector: TraceCollector = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    paths,
    behaviour: 'accept',
    release: () => {
      collector.behaviour = 'accept';
      for (const accept of held.splice(0)) accept();
    },
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
  return collector;
}

function spansOf({ resourceSpans }: Export): readonly ReceivedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap((scope) =>
      scope.spans.map((span) => ({
        ...span,
        resource: recordOf(resource.attributes),
        attributes: recordOf(span.attributes ?? []),
        events: (span.events ?? []).map(({ name, attributes }) => [name, recordOf(attributes)] as const),
      })),
    ),
  );
}

function recordOf(attributes: readonly KeyValue[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}
