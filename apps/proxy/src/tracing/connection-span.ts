/** A span for one connection, from its acceptance to its end. Loaded with the exporter. */
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, type Attributes, type Tracer } from '@opentelemetry/api';
import { formatAddressPort, servicePortLabel } from '@signalbox/core';
import type { ConnectionRecord } from '../modes/proxy-mode.ts';

/** Ends that the client did not cause; the others are not errors. */
const ERRORS: ReadonlySet<ConnectionRecord['cause']> = new Set(['endpoint-reset', 'no-endpoint-answered']);

export function recordConnectionSpan(tracer: Tracer, record: ConnectionRecord): void {
  const { startedAt, endedAt, attempts, cause } = record;
  const span = tracer.startSpan(
    'Forward connection',
    { startTime: startedAt, root: true, kind: SpanKind.SERVER },
    ROOT_CONTEXT,
  );
  // Most connections are not sampled: their attributes are not formatted.
  if (span.isRecording()) {
    span.setAttributes(attributesOf(record));
    for (const { endpoint, at, outcome } of attempts) {
      const attributes = { 'signalbox.endpoint': text(endpoint), 'signalbox.outcome': outcome };
      span.addEvent('Connect to endpoint', attributes, at);
    }
    if (ERRORS.has(cause)) span.setStatus({ code: SpanStatusCode.ERROR, message: cause });
  }
  span.end(endedAt);
}

function attributesOf({ servicePort, client, frontend, endpoint, ...record }: ConnectionRecord): Attributes {
  return {
    'signalbox.service_port': servicePortLabel(servicePort),
    'k8s.namespace.name': servicePort.namespace,
    'k8s.service.name': servicePort.name,
    'network.transport': servicePort.protocol.toLowerCase(),
    'client.address': client.address,
    'client.port': client.port,
    'server.address': frontend.address,
    'server.port': frontend.port,
    ...(endpoint === null ? {} : { 'signalbox.endpoint': text(endpoint) }),
    'signalbox.attempts': record.attempts.length,
    'signalbox.bytes_in': record.bytesIn,
    'signalbox.bytes_out': record.bytesOut,
    'signalbox.cause': record.cause,
  };
}

function text({ address, port }: ConnectionRecord['client']): string {
  return formatAddressPort(address, port);
}
