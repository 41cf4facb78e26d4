/** `/statusz` and `/flagz`: for people as text, for programs as JSON or YAML objects of `config.k8s.io`. */
import { randomInt } from 'node:crypto';
import { dump } from 'js-yaml';
import { rfc3339 } from '../health/health-responses.ts';

export interface PageRequest {
  /** The Accept header; empty without. */
  readonly accept: string;
}

export interface Page {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly warning?: string;
}

type Shape =
  | { readonly kind: 'text' }
  | { readonly kind: 'object'; readonly encoding: 'json' | 'yaml'; readonly version: string }
  | { readonly kind: 'refused' };

export interface Status {
  readonly startedAt: number;
  readonly now: () => number;
  readonly paths: readonly string[];
  /** `v1.36.0`. */
  readonly version: string;
}

export function statuszPage(asked: PageRequest, status: Status): Page {
  const binary = status.version.replace(/^v/, '');
  const emulated = binary.split('.').slice(0, 2).join('.');
  const up = Math.max(0, Math.floor((status.now() - status.startedAt) / 1000));
  const lines: [string, string][] = [
    ['Started', new Date(status.startedAt).toUTCString()],
    [
      'Up',
      `${Math.floor(up / 3600)} hr ${String(Math.floor((up % 3600) / 60)).padStart(2, '0')} min ${String(up % 60).padStart(2, '0')} sec`,
    ],
    ['Go version', `none (Node.js ${process.version})`],
    ['Binary version', binary],
    ['Emulation version', emulated],
    ['Paths', status.paths.join(' ')],
  ];
  const object = {
    startTime: rfc3339(status.startedAt),
    uptimeSeconds: up,
    goVersion: `Node.js ${process.version}`,
    binaryVersion: binary,
    emulationVersion: emulated,
    paths: status.paths,
  };
  return makePage('Statusz', asked, { lines, object });
}

export function flagzPage(asked: PageRequest, flags: ReadonlyMap<string, string>): Page {
  const lines = [...flags].sort(([a], [b]) => (a < b ? -1 : 1));
  return makePage('Flagz', asked, { lines, object: { flags: Object.fromEntries(lines) } });
}

interface Content {
  readonly lines: readonly (readonly [string, string])[];
  readonly object: Readonly<Record<string, unknown>>;
}

function makePage(kind: 'Statusz' | 'Flagz', { accept }: PageRequest, { lines, object }: Content): Page {
  const shape = negotiate(accept, kind);
  if (shape.kind === 'refused') {
    return {
      status: 406,
      type: 'text/plain; charset=utf-8',
      body: `supported formats: text/plain, and JSON or YAML as ${kind} of config.k8s.io\n`,
    };
  }
  if (shape.kind === 'text') {
    // Scripts must not take this text for a format: the delimiter differs from answer to answer.
    const delimiter = [':', ': ', '=', ' ', '|'][randomInt(5)] ?? '=';
    const body = `\nkube-proxy ${kind.toLowerCase()}\nWarning: This endpoint is not meant to be machine parseable, has no formatting compatibility guarantees and is for debugging purposes only.\n\n`;
    return {
      status: 200,
      type: 'text/plain; charset=utf-8',
      body: body + lines.map(([name, value]) => `${name}${delimiter}${value}\n`).join(''),
    };
  }
  const whole = {
    kind,
    apiVersion: `config.k8s.io/${shape.version}`,
    metadata: { name: 'kube-proxy' },
    ...object,
  };
  const alpha =
    shape.version === 'v1alpha1'
      ? { warning: `299 - "config.k8s.io/v1alpha1 ${kind} is deprecated; use v1beta1"` }
      : {};
  const json = shape.encoding === 'json';
  return {
    status: 200,
    type: `application/${shape.encoding}`,
    body: json ? JSON.stringify(whole) : dump(whole),
    ...alpha,
  };
}

/** The first offer of the Accept header that can be met. */
function negotiate(accept: string, kind: string): Shape {
  if (accept.trim() === '') return { kind: 'text' };
  for (const offer of accept.split(',')) {
    const [type = '', ...parameters] = offer.split(';').map((part) => part.trim());
    if (type === '*/*' || type === 'text/plain' || type === 'text/*') return { kind: 'text' };
    const given = new Map(parameters.map((part) => part.split('=') as [string, string]));
    const version = given.get('v') ?? '';
    const fits =
      given.get('g') === 'config.k8s.io' && given.get('as') === kind && /^v1(alpha1|beta1)$/.test(version);
    const encoding = type === 'application/json' ? 'json' : type === 'application/yaml' ? 'yaml' : null;
    if (fits && encoding !== null) return { kind: 'object', encoding, version };
  }
  return { kind: 'refused' };
}
