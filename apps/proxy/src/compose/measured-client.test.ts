import { createApiClient } from '@signalbox/kubernetes';
import { createTestApiServer, plainConfig } from '@signalbox/kubernetes/testing';
import { describe, expect, it } from 'vitest';
import { createRegistry } from '../metrics/registry.ts';
import { registerRestClientMetrics } from '../metrics/rest-client-metrics.ts';
import { measuredClient } from './measured-client.ts';

describe('requests to the API server', () => {
  it('F169: are counted by code, method and host, and timed', async () => {
    const server = await createTestApiServer();
    const registry = createRegistry();
    const client = measuredClient(
      createApiClient({ config: plainConfig([server.url]) }),
      registerRestClientMetrics(registry),
    );
    const get = async (path: string): Promise<void> => {
      const answer = await client.open({
        method: 'GET',
        path,
        gzip: 'refused',
        signal: new AbortController().signal,
      });
      if (answer.ok) answer.value.body.resume();
    };
    await get('/api/v1/services');
    await get('/api/v1/nothing');
    const host = new URL(server.url).host;
    await server.stop();
    await get('/api/v1/services');
    client.close();
    const text = await registry.text();
    expect(text).toContain(`rest_client_requests_total{code="200",host="${host}",method="GET"} 1`);
    expect(text).toContain(`rest_client_requests_total{code="404",host="${host}",method="GET"} 1`);
    expect(text).toContain(`rest_client_requests_total{code="<error>",host="${host}",method="GET"} 1`);
    expect(text).toContain(`rest_client_request_duration_seconds_count{host="${host}",verb="GET"} 3`);
  });
});
