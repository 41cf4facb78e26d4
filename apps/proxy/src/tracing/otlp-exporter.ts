/** Sends traces by OTLP/HTTP. A separate chunk of the bundle: OpenTelemetry is loaded only when tracing is on. */
import {
  ROOT_CONTEXT,
  SpanStatusCode,
  trace as api,
  type Attributes,
  type Context,
} from '@opentelemetry/api';
import type { Tracer } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  TracerProvider,
  BatchSpanProcessor,
  TraceIdRatioBasedSampler,
  type SpanExporter,
} from '@opentelemetry/sdk-trace';
import { formatBackendError } from '@signalbox/core';
import type { TracingSettings } from '../config/tracing.ts';
import { recordConnectionSpan } from './connection-span.ts';
import type { Interval, SyncTrace, TraceExporter } from './sync-trace.ts';

export interface OtlpExporterOptions extends TracingSettings {
  readonly nodeName: string;
  readonly version: string;
  /** After each request: why it failed, in one line, or `null`. */
  readonly onSent: (error: string | null) => void;
}

/** Limit of spans that wait to be sent; further spans are dropped. About 1 KB each. */
const MOST_SPANS = 2048;
const BATCH = 512;
/** Milliseconds from the first span to the request that sends it. */
const BATCH_DELAY = 5000;
/** Milliseconds for a request, with its retries. */
const TIMEOUT = 5000;

export function createOtlpExporter(options: OtlpExporterOptions): TraceExporter {
  const { samplingRatePerMillion, connectionsPerMillion, version } = options;
  const changes = createProvider(options, samplingRatePerMillion);
  // A separate queue: connections do not displace the traces of changes.
  const connections = createProvider(options, connectionsPerMillion);
  const [tracer, connectionTracer] = [changes, connections].map((each) =>
    each.getTracer('signalbox', version),
  ) as [Tracer, Tracer];
  return {
    record: (trace) => recordSpans(tracer, trace),
    recordConnection: (record) => recordConnectionSpan(connectionTracer, record),
    close: async () => {
      await Promise.all([changes.shutdown(), connections.shutdown()]);
    },
  };
}

function createProvider(options: OtlpExporterOptions, ratePerMillion: number): TracerProvider {
  const { nodeName, version } = options;
  return new TracerProvider({
    resource: resourceFromAttributes({
      'service.name': 'signalbox',
      'service.version': version,
      'service.instance.id': nodeName,
      'k8s.node.name': nodeName,
    }),
    sampler: new TraceIdRatioBasedSampler(ratePerMillion / 1_000_000),
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: reportingExporter(options),
        maxQueueSize: MOST_SPANS,
        maxExportBatchSize: BATCH,
        scheduledDelayMillis: BATCH_DELAY,
        exportTimeoutMillis: 2 * TIMEOUT,
      }),
    ],
  });
}

function reportingExporter({ url, onSent }: OtlpExporterOptions): SpanExporter {
  const exporter = new OTLPTraceExporter({ url, timeoutMillis: TIMEOUT });
  return {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        // The code of a success is 0. Spans that were not accepted are dropped; the processor adds nothing to the report.
        const code: number = result.code;
        onSent(code === 0 ? null : describe(result.error));
        done({ code: 0 });
      }),
    forceFlush: () => exporter.forceFlush(),
    // Includes the spans of a request that has not ended.
    shutdown: async () => {
      await exporter.forceFlush();
      await exporter.shutdown();
    },
  };
}

/** The error of connection attempts to more than one address has only a code. */
function describe(error: Error | undefined): string {
  const code = error !== undefined && 'code' in error ? String(error.code) : '';
  const message = error?.message ?? '';
  const parts = message.includes(code) ? [message] : [code, message];
  return parts.filter((part) => part !== '').join(': ') || 'no error given';
}

/** From the arrival of the change to the kernel's commit; stale flows are deleted after it. */
function recordSpans(tracer: Tracer, trace: SyncTrace): void {
  const { decode, wait, build, program, writes, staleFlows, result } = trace;
  const root = tracer.startSpan(
    'Program services',
    { startTime: decode.startedAt, root: true, attributes: attributesOf(trace) },
    ROOT_CONTEXT,
  );
  if (root.isRecording()) {
    const parent = api.setSpan(ROOT_CONTEXT, root);
    const child = (name: string, interval: Interval): void => recordChild(tracer, parent, { name, interval });
    child('Decode objects', decode);
    child('Wait for sync', wait);
    child('Build desired state', build);
    child('Compile and diff', {
      startedAt: program.startedAt,
      endedAt: writes[0]?.startedAt ?? program.endedAt,
    });
    for (const write of writes) child('Write to kernel', write);
    if (staleFlows !== null) child('Delete stale flows', staleFlows);
  }
  if (result.outcome === 'failed') {
    const message = result.error === undefined ? 'no error given' : formatBackendError(result.error);
    root.setStatus({ code: SpanStatusCode.ERROR, message });
  }
  root.end(program.endedAt);
}

function recordChild(
  tracer: Tracer,
  parent: Context,
  { name, interval }: { readonly name: string; readonly interval: Interval },
): void {
  tracer.startSpan(name, { startTime: interval.startedAt }, parent).end(interval.endedAt);
}

function attributesOf({ family, mode, reason, result, counts, events, attempt }: SyncTrace): Attributes {
  return {
    'signalbox.ip_family': family,
    'signalbox.mode': mode,
    'signalbox.reason': reason,
    'signalbox.scope': result.scope,
    'signalbox.outcome': result.outcome,
    'signalbox.service_ports': counts.servicePorts,
    'signalbox.endpoints': counts.endpoints,
    'signalbox.service_ports_refused': result.failures.length,
    'signalbox.events': events,
    'signalbox.attempt': attempt,
  };
}
