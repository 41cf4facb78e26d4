/** With `--profiling`: V8's CPU and heap profiles where a Go program serves pprof, and the verbosity switch. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Session } from 'node:inspector/promises';
import { pause } from '@signalbox/core';
import { systemClock } from '@signalbox/core/system-clock';
import { TIME_LIMITS } from '../health/bounded-server.ts';
import { text, type Route } from '../health/respond.ts';

export interface ProfilingOptions {
  readonly setVerbosity: (level: number) => void;
}

export function profilingRoutes({ setVerbosity }: ProfilingOptions): readonly (readonly [string, Route])[] {
  return [
    ['/debug/pprof', (_, response) => redirect(response)],
    ['/debug/pprof/', (_, response) => text(response, INDEX)],
    ['/debug/pprof/profile', cpuProfile],
    ['/debug/pprof/heap', heapProfile],
    ['/debug/pprof/cmdline', (_, response) => text(response, process.argv.join('\0'))],
    ['/debug/flags/v', (request, response) => putVerbosity(request, response, setVerbosity)],
  ];
}

const INDEX = `profiles of signalbox, to be opened in Chrome DevTools or VS Code

/debug/pprof/profile?seconds=30   CPU (.cpuprofile)
/debug/pprof/heap                 sampled allocations in use (.heapprofile)
/debug/pprof/cmdline              the command line
`;

function redirect(response: ServerResponse): void {
  response.writeHead(302, { Location: '/debug/pprof/' });
  response.end();
}

async function cpuProfile(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const asked = Number(new URL(request.url ?? '/', 'http://localhost').searchParams.get('seconds') ?? 30);
  const seconds = Math.min(300, Math.max(0.1, Number.isFinite(asked) ? asked : 30));
  const session = new Session();
  session.connect();
  try {
    await session.post('Profiler.enable');
    await session.post('Profiler.start');
    // Nothing is sent meanwhile, and a connection without traffic is closed.
    response.setTimeout(seconds * 1000 + TIME_LIMITS.idle);
    await pause(systemClock, seconds * 1000);
    const { profile } = await session.post('Profiler.stop');
    attach(response, 'signalbox.cpuprofile', profile);
  } finally {
    session.disconnect();
  }
}

async function heapProfile(_request: IncomingMessage, response: ServerResponse): Promise<void> {
  const session = new Session();
  session.connect();
  try {
    await session.post('HeapProfiler.startSampling');
    await pause(systemClock, 1000);
    const { profile } = await session.post('HeapProfiler.stopSampling');
    attach(response, 'signalbox.heapprofile', profile);
  } finally {
    session.disconnect();
  }
}

function attach(response: ServerResponse, name: string, profile: unknown): void {
  response.writeHead(200, {
    'Content-Type': 'application/json',
    'Content-Disposition': `attachment; filename="${name}"`,
  });
  response.end(JSON.stringify(profile));
}

async function putVerbosity(
  request: IncomingMessage,
  response: ServerResponse,
  setVerbosity: (level: number) => void,
): Promise<void> {
  if (request.method !== 'PUT') return refuse(response, 406, 'unsupported http method');
  const body = await readBody(request);
  if (!/^\d{1,9}$/.test(body))
    return refuse(
      response,
      400,
      `failed to set klog.logging.verbosity to ${JSON.stringify(body)}: not a number`,
    );
  setVerbosity(Number(body));
  text(response, `successfully set klog.logging.verbosity to ${body}`);
}

function refuse(response: ServerResponse, status: number, reason: string): void {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' });
  response.end(reason);
}

const MOST_DIGITS = 64;

/** At most a few bytes are of use; a longer body is cut and then refused. */
async function readBody(request: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of request) {
    body += String(chunk);
    if (body.length > MOST_DIGITS) break;
  }
  return body.slice(0, MOST_DIGITS).trim();
}
