/** A cluster at an API server and a network for its endpoints, in the namespace this is started in. */
import { once } from 'node:events';
import { get as httpGet, type IncomingMessage } from 'node:http';
import { get as httpsGet } from 'node:https';
import type { WireObject } from '@signalbox/kubernetes';
import {
  createTestApiServer,
  createTestCertificates,
  type TestApiServer,
} from '@signalbox/kubernetes/testing';
import { sliceJSON } from '../core/cluster.ts';
import { prepareNetwork, timeFollows } from '../follow.ts';
import { NODE, service } from '../memory/objects.ts';
import type { Server as ApiServer } from '../memory/program.ts';

export interface Size {
  readonly services: number;
  readonly endpoints: number;
}

export interface Cluster {
  readonly api: TestApiServer;
  readonly target: ApiServer;
  stop(): Promise<void>;
}

/** Each write is synced by itself, as without a limit on the number of syncs. */
export const CONFIG = {
  mode: 'nftables',
  clusterCIDR: '10.0.0.0/8',
  nftables: { minSyncPeriod: '1ms' },
};

const IPV4 = ['IPv4'] as const;

export function slice(json: string): WireObject {
  return { ...(JSON.parse(json) as WireObject), kind: 'EndpointSlice' };
}

/** Milliseconds until the program follows each change of the last service (`timeFollows`). */
export function timeChanges(
  api: TestApiServer,
  services: number,
  changes: number,
  firstClient = 0,
): Promise<readonly number[]> {
  const index = services - 1;
  const { spec } = service(index, IPV4) as unknown as { readonly spec: { readonly clusterIP: string } };
  const write = async (text: string): Promise<void> => void api.put(slice(text));
  return timeFollows({ index, address: spec.clusterIP, changes, firstClient, write });
}

/** Once, so that the server has encoded every object before the program asks: what is measured is the program. */
async function readAll({ url, ca }: ApiServer): Promise<void> {
  for (const path of ['/api/v1/services', '/apis/discovery.k8s.io/v1/endpointslices']) {
    const headers = { accept: 'application/vnd.kubernetes.protobuf' };
    const options = { headers, ...(ca === null ? {} : { ca }) };
    const [response] = (await once(
      ca === null ? httpGet(url + path, options) : httpsGet(url + path, options),
      'response',
    )) as [IncomingMessage];
    response.resume();
    await once(response, 'end');
  }
}

/** An API server over TLS that holds `services` Services of `endpoints` endpoints each. */
export async function startCluster(size: Size): Promise<Cluster> {
  prepareNetwork();
  const certificates = await createTestCertificates();
  const api = await createTestApiServer({
    streaming: 'uncompressed',
    ...(certificates === null ? {} : { tls: certificates.server }),
  });
  api.put(NODE);
  for (let index = 0; index < size.services; index++) {
    api.put(service(index, IPV4));
    api.put(slice(sliceJSON(index, size.endpoints)));
  }
  const target = { url: api.url, ca: certificates?.ca ?? null };
  await readAll(target);
  return {
    api,
    target,
    async stop() {
      await api.stop();
      await certificates?.remove();
    },
  };
}
