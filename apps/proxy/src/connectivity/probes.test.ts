import { createModel } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import { modelConfig } from '../sync/model-config.ts';
import { settingsOf } from '../testing/settings.ts';
import { probesOf, type ProbeOptions } from './probes.ts';

function state() {
  const model = createModel(modelConfig(settingsOf(['--hostname-override=node-a'])));
  for (const [name, last] of [
    ['web', 10],
    ['dns', 20],
  ] as const) {
    model.apply({
      type: 'upsert',
      resource: 'Service',
      object: {
        metadata: { name, namespace: 'shop' },
        spec: {
          type: 'NodePort',
          clusterIP: `10.96.0.${last}`,
          clusterIPs: [`10.96.0.${last}`],
          externalIPs: [`203.0.113.${last}`],
          ports: [{ name: 'p', port: 80, nodePort: 30_000 + last, protocol: 'TCP' }],
        },
      },
    });
  }
  return model.build('IPv4').state;
}

function lines(options: Partial<ProbeOptions>): readonly string[] {
  const all: ProbeOptions = { callers: ['node'], nodePortAddress: '192.0.2.10', only: null, ...options };
  return probesOf(state(), all).map(
    ({ caller, service, kind, address, port }) => `${caller} ${service} ${kind} ${address}:${port}`,
  );
}

describe('the connections of signalbox test', () => {
  it('go to every cluster IP and node port, from every caller', () => {
    expect(lines({ callers: ['node', 'pod'], only: 'shop/web' })).toEqual([
      'node shop/web:p ClusterIP 10.96.0.10:80',
      'pod shop/web:p ClusterIP 10.96.0.10:80',
      'node shop/web:p NodePort 192.0.2.10:30010',
      'pod shop/web:p NodePort 192.0.2.10:30010',
    ]);
    expect(lines({})).toHaveLength(4);
  });

  it('leave node ports out where the node serves none', () => {
    expect(lines({ nodePortAddress: null })).toEqual([
      'node shop/web:p ClusterIP 10.96.0.10:80',
      'node shop/dns:p ClusterIP 10.96.0.20:80',
    ]);
  });
});
