import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '@signalbox/core';
import { healthzAnswer, livezAnswer, type Answer } from './health-responses.ts';
import type { HealthState } from './health-state.ts';
import { notFound } from './respond.ts';

export interface HealthHandlerOptions {
  readonly state: HealthState;
  readonly clock: Clock;
  readonly countHealthz: (code: number) => void;
  readonly countLivez: (code: number) => void;
}

/** Serves `/healthz`, `/livez` and `/readyz`. */
export function healthHandler(options: HealthHandlerOptions) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    const path = (request.url ?? '/').split('?')[0];
    if (path === '/healthz') send(response, healthz(options));
    else if (path === '/livez') send(response, livez(options));
    else if (path === '/readyz') send(response, readyz(options));
    else notFound(response);
  };
}

function healthz({ state, clock, countHealthz }: HealthHandlerOptions): Answer {
  const answer = healthzAnswer(state.health(), clock.now());
  countHealthz(answer.status);
  return answer;
}

function livez({ state, clock, countLivez }: HealthHandlerOptions): Answer {
  const answer = livezAnswer(state.health(), clock.now());
  countLivez(answer.status);
  return answer;
}

/** Not in kube-proxy: 200 once the rules of every family have been written and found in the kernel, and they keep up. */
function readyz({ state }: HealthHandlerOptions): Answer {
  const waitingFor = state.notReady();
  const ready = waitingFor.length === 0 && state.health().healthy;
  return { status: ready ? 200 : 503, body: JSON.stringify({ ready, waitingFor }) };
}

function send(response: ServerResponse, { status, body }: Answer): void {
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'X-Content-Type-Options': 'nosniff',
    'Content-Length': Buffer.byteLength(body),
  });
  response.end(body);
}
