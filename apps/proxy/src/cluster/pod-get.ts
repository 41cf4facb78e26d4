/** One HTTP request to a port of a pod, through the API server. */
import { request } from 'node:http';
import type { KubeConfig } from '@kubernetes/client-node';
import type { Clock, Result } from '@signalbox/core';
import type { HttpAnswer, ProxyPod } from './cluster-api.ts';
import { openTunnel, type Tunnel } from './pod-tunnel.ts';
import { withinDeadline } from './within-deadline.ts';

export interface PodRequest {
  readonly pod: ProxyPod;
  readonly port: number;
  readonly path: string;
  readonly clock: Clock;
  readonly deadline: number;
}

/** Bytes. The description of the largest Service has some hundred kilobytes. */
const MAX_ANSWER = 64 * 2 ** 20;

export async function getThroughPod(
  config: KubeConfig,
  { pod, port, path, clock, deadline }: PodRequest,
): Promise<Result<HttpAnswer, string>> {
  const tunnel = openTunnel(config, pod, port);
  const what = `pod ${pod.namespace}/${pod.name}`;
  const answer = await withinDeadline(exchange(tunnel, port, path), { clock, deadline, what });
  tunnel.close();
  return answer;
}

async function exchange(tunnel: Tunnel, port: number, path: string): Promise<HttpAnswer> {
  await tunnel.opened;
  // The proxy answers to names of the node only, and a port-forward ends at its loopback address.
  // Without an agent, which would connect by itself.
  const headers = { host: `localhost:${port}`, accept: 'application/json', connection: 'close' };
  const createConnection = (): Tunnel['stream'] => tunnel.stream;
  if (tunnel.stream.errored !== null) throw tunnel.stream.errored;
  return new Promise((resolve, reject) => {
    tunnel.stream.on('error', reject);
    const asked = request({ createConnection, method: 'GET', path, headers }, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        size += chunk.length;
        if (size > MAX_ANSWER) asked.destroy(new Error(`answer of more than ${MAX_ANSWER} bytes`));
      });
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }),
      );
    });
    asked.on('error', reject);
    asked.end();
  });
}
