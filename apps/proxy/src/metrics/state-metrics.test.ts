import { describe, expect, it } from 'vitest';
import type { StatusAnswer } from '../inspect/answers.ts';
import { createRegistry } from './registry.ts';
import { registerStateMetrics } from './state-metrics.ts';

const COUNTS = { total: 5, programmed: 4, refused: 1, withoutEndpoints: 2, conflicting: 3 };

async function samples(api: StatusAnswer['api']): Promise<readonly string[]> {
  const registry = createRegistry();
  registerStateMetrics(registry, () => ({ services: COUNTS, api }));
  return (await registry.text()).split('\n').filter((line) => line.startsWith('kubeproxy'));
}

describe('the metrics of the state', () => {
  it('count Services, and have the age of each watch', async () => {
    const watch = { lastContact: '2026-01-01T00:00:00Z', error: null };
    const resources = [
      { resource: 'Service', ageSeconds: 12, ...watch },
      { resource: 'Node', ageSeconds: null, ...watch, lastContact: null },
    ];
    expect(await samples({ connected: true, resources })).toEqual([
      'kubeproxy_api_last_contact_age_seconds{resource="Service"} 12',
      'kubeproxy_services 5',
      'kubeproxy_services_conflicting 3',
      'kubeproxy_services_refused 1',
      'kubeproxy_services_without_endpoints 2',
    ]);
  });

  it('have no age without an API server', async () => {
    expect((await samples(null)).join()).not.toContain('age_seconds');
  });
});
