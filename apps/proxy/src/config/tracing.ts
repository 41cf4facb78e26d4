/** `--tracing-endpoint` and `--tracing-sampling-rate-per-million`: as `tracing` of the kubelet, over OTLP/HTTP. */
import type { ParsedFlags } from '../flags/parse.ts';
import { standalone } from '../flags/standalone.ts';
import { invalidArgument } from './problem.ts';

export interface TracingSettings {
  /** URL to which spans are posted. */
  readonly url: string;
  readonly samplingRatePerMillion: number;
  /** The share of the connections through this process. */
  readonly connectionsPerMillion: number;
}

const ALL = 1_000_000;
/** A connection a second at 1000 connections a second. */
const CONNECTIONS = 1000;

const RATES = ['tracing-sampling-rate-per-million', 'userspace-tracing-sampling-rate-per-million'] as const;
/** Of OTLP/HTTP, below the base URL of a collector. */
const TRACES_PATH = 'v1/traces';

/** `null`: off. */
export function tracingSettings({ given }: Pick<ParsedFlags, 'given'>): TracingSettings | null {
  const url = tracesUrl(standalone(given, 'tracing-endpoint') ?? '');
  const samplingRatePerMillion = standalone(given, 'tracing-sampling-rate-per-million') ?? ALL;
  const connectionsPerMillion =
    standalone(given, 'userspace-tracing-sampling-rate-per-million') ?? CONNECTIONS;
  return url === null || url === '' ? null : { url, samplingRatePerMillion, connectionsPerMillion };
}

/** One line each. */
export function tracingErrors({ given }: Pick<ParsedFlags, 'given'>): readonly string[] {
  const errors: string[] = [];
  const endpoint = standalone(given, 'tracing-endpoint') ?? '';
  if (tracesUrl(endpoint) === null) {
    const reason =
      'must be http://HOST:PORT, https://HOST:PORT or HOST:PORT, without user, query and fragment';
    errors.push(invalidArgument('--tracing-endpoint', endpoint, reason));
  }
  for (const flag of RATES) {
    const rate = standalone(given, flag) ?? ALL;
    if (rate >= 0 && rate <= ALL) continue;
    const reason = `must be within the range [0, ${ALL}]`;
    errors.push(invalidArgument(`--${flag}`, String(rate), reason));
  }
  return errors;
}

/** Empty without an endpoint, `null` for what is none. A host and port alone, as the kubelet has it, is reached without TLS. */
function tracesUrl(endpoint: string): string | null {
  if (endpoint === '') return '';
  const text = endpoint.includes('://') ? endpoint : `http://${endpoint}`;
  if (/[\s?#@]/.test(text) || !URL.canParse(text)) return null;
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return null;
  const base = url.href.replace(/\/+$/, '');
  return base.endsWith(`/${TRACES_PATH}`) ? base : `${base}/${TRACES_PATH}`;
}
