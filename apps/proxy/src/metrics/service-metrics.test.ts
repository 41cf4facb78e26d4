import { backendError, type Family, type Inspection } from '@signalbox/core';
import { createManualClock } from '@signalbox/core/testing';
import { describe, expect, it } from 'vitest';
import { createRegistry } from './registry.ts';
import { registerServiceMetrics } from './service-metrics.ts';

const count = (address: string, connections: number) => ({ address, port: 8080, connections });
type Counts = Readonly<Record<string, readonly ReturnType<typeof count>[]>>;

function inspection(counts: Counts): Inspection {
  const servicePorts = Object.entries(counts).map(
    ([key, endpoints]) => [key, { objects: [], endpoints }] as const,
  );
  return { outcome: 'ok', servicePorts: new Map(servicePorts) };
}

function scraped(first: Counts, maxSeries = 100) {
  const clock = createManualClock();
  const registry = createRegistry();
  const kernel = { answer: () => Promise.resolve(inspection(first)), readings: 0 };
  const inspect = () => {
    kernel.readings++;
    return kernel.answer();
  };
  const backends = new Map<Family, { readonly inspect: typeof inspect }>([['IPv4', { inspect }]]);
  registerServiceMetrics(registry, { clock, maxSeries, backends: () => backends });
  const samples = async () =>
    (await registry.text()).split('\n').filter((line) => line.startsWith('kubeproxy'));
  return { clock, kernel, backends, samples };
}

const WEB = 'ip_family="IPv4",namespace="shop",port="http",protocol="TCP",service="web"';
const DNS = 'ip_family="IPv4",namespace="kube-system",port="",protocol="UDP",service="dns"';

describe('the metrics of single Services', () => {
  it('have the connections of each service port and endpoint', async () => {
    const { samples } = scraped({
      'shop/web:http/TCP': [count('10.244.0.5', 3), count('fd00::5', 4)],
      'kube-system/dns:/UDP': [count('10.244.0.9', 1)],
      'shop/idle:http/TCP': [],
    });
    expect(await samples()).toEqual([
      `kubeproxy_endpoint_connections_total{endpoint="10.244.0.9:8080",${DNS}} 1`,
      `kubeproxy_endpoint_connections_total{endpoint="10.244.0.5:8080",${WEB}} 3`,
      `kubeproxy_endpoint_connections_total{endpoint="[fd00::5]:8080",${WEB}} 4`,
      `kubeproxy_service_connections_total{${DNS}} 1`,
      `kubeproxy_service_connections_total{${WEB}} 7`,
      'kubeproxy_service_metrics_dropped_series 0',
      'kubeproxy_service_metrics_read_failures_total{ip_family="IPv4"} 0',
    ]);
  });

  it('have no more series than allowed, Services first, and the number of the others', async () => {
    const endpoints = [count('10.244.0.5', 3), count('10.244.0.6', 4)];
    const { samples } = scraped({ 'shop/a:http/TCP': endpoints, 'shop/b:http/TCP': endpoints }, 3);
    const lines = await samples();
    expect(lines.filter((line) => line.includes('_service_connections_total{'))).toHaveLength(2);
    expect(lines.filter((line) => line.includes('_endpoint_connections_total{'))).toHaveLength(1);
    expect(lines).toContain('kubeproxy_service_metrics_dropped_series 3');
  });

  it('are read once for the scrapes of 15 seconds, and have no samples of removed objects', async () => {
    const { clock, kernel, samples } = scraped({ 'shop/web:http/TCP': [count('10.244.0.5', 3)] });
    await samples();
    kernel.answer = () => Promise.resolve(inspection({ 'shop/web:http/TCP': [count('10.244.0.6', 1)] }));
    clock.advance(14_999);
    expect((await samples()).join()).toContain('10.244.0.5');
    expect(kernel.readings).toBe(1);
    clock.advance(1);
    const lines = (await samples()).join();
    expect(lines).toContain('10.244.0.6');
    expect(lines).not.toContain('10.244.0.5');
  });

  it('are read for at most a twentieth of the time', async () => {
    const { clock, kernel, samples } = scraped({});
    kernel.answer = () => {
      clock.advance(2000);
      return Promise.resolve(inspection({}));
    };
    await samples();
    clock.advance(39_999);
    await samples();
    expect(kernel.readings).toBe(1);
    clock.advance(1);
    await samples();
    expect(kernel.readings).toBe(2);
  });

  it('delay a scrape by 5 seconds at most, and are in the next one', async () => {
    const { clock, kernel, samples } = scraped({});
    let finish: (inspected: Inspection) => void = () => undefined;
    const slow = new Promise<Inspection>((resolve) => {
      finish = resolve;
    });
    kernel.answer = () => slow;
    const first = samples();
    clock.advance(5000);
    expect((await first).join()).not.toContain('connections_total');
    finish(inspection({ 'shop/web:http/TCP': [count('10.244.0.5', 3)] }));
    await slow;
    expect((await samples()).join()).toContain(`kubeproxy_service_connections_total{${WEB}} 3`);
    expect(kernel.readings).toBe(1);
  });

  it('keep their values if a reading fails, and the failure is counted', async () => {
    const { clock, kernel, samples } = scraped({ 'shop/web:http/TCP': [count('10.244.0.5', 3)] });
    await samples();
    const error = backendError('busy', 'NFT_MSG_GETSETELEM', 'changing');
    kernel.answer = () => Promise.resolve({ outcome: 'failed', error });
    clock.advance(15_000);
    const lines = await samples();
    expect(lines).toContain(`kubeproxy_service_connections_total{${WEB}} 3`);
    expect(lines).toContain('kubeproxy_service_metrics_read_failures_total{ip_family="IPv4"} 1');
  });

  it('are read again after a reading that ended with an exception', async () => {
    const { clock, kernel, samples } = scraped({});
    kernel.answer = () => Promise.reject(new Error('broken'));
    await expect(samples()).rejects.toThrow('broken');
    kernel.answer = () => Promise.resolve(inspection({ 'shop/web:http/TCP': [count('10.244.0.5', 3)] }));
    clock.advance(15_000);
    expect(await samples()).toContain(`kubeproxy_service_connections_total{${WEB}} 3`);
  });

  it('have no samples of a family that is no longer served', async () => {
    const { clock, backends, samples } = scraped({ 'shop/web:http/TCP': [count('10.244.0.5', 3)] });
    await samples();
    backends.clear();
    clock.advance(15_000);
    expect((await samples()).join()).not.toContain('connections_total');
  });
});
