/** One line for what client-node and its libraries throw: errors, events of a WebSocket, answers of the API server. */
import { STATUS_CODES } from 'node:http';

interface Thrown {
  readonly message?: unknown;
  readonly code?: unknown;
  readonly body?: unknown;
  readonly cause?: unknown;
  /** Of an event. */
  readonly error?: unknown;
}

export function describeFailure(thrown: unknown): string {
  const { message, code, body, cause, error } = thrown as Thrown;
  if (error instanceof Error) return describeFailure(error);
  if (typeof code === 'number')
    return `HTTP status ${code}${detail(statusMessage(body) ?? STATUS_CODES[code])}${HINTS[code] ?? ''}`;
  const first = thrown instanceof AggregateError ? (thrown.errors as unknown[])[0] : cause;
  if (first instanceof Error && first.message !== '') return describeFailure(first);
  return oneLine(typeof message === 'string' && message !== '' ? message : String(thrown));
}

const HINTS: Readonly<Record<number, string>> = {
  403: ' (docs/cluster.md lists the rights that are required)',
};

function detail(text: string | undefined): string {
  return text === undefined ? '' : `: ${oneLine(text)}`;
}

/** Of an object of kind Status. */
function statusMessage(body: unknown): string | undefined {
  try {
    const { message } = (typeof body === 'string' ? JSON.parse(body) : body) as { message?: unknown };
    return typeof message === 'string' ? message : undefined;
  } catch {
    return undefined;
  }
}

function oneLine(text: string): string {
  return text.trim().replaceAll(/\s*\n\s*/g, ' ');
}
