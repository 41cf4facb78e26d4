import { backendError, fullChange, createModel, NOTHING_DONE } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import { modelConfig } from '../sync/model-config.ts';
import { recordingBackend } from '../testing/composition.ts';
import { settingsOf } from '../testing/settings.ts';
import { networkNameOf, nodeAddressOf } from './kernelspace.ts';
import { lazyBackend } from './lazy-backend.ts';

const change = fullChange(createModel(modelConfig(settingsOf([]))).state('IPv4'));

describe('a backend that comes to life at its first sync', () => {
  it('F93 F97: fails with the reason until the backend can be made, and then applies what waited', async () => {
    const inner = recordingBackend('IPv4', 'kernelspace');
    const answers = [backendError('not-found', 'node address', 'the Node object has no IPv4 address'), inner];
    const create = () => Promise.resolve(answers.shift() ?? inner);
    const backend = lazyBackend({ mode: 'kernelspace', family: 'IPv4', create, nothing: NOTHING_DONE });
    expect(await backend.sync(change)).toMatchObject({ outcome: 'failed', error: { code: 'not-found' } });
    expect(await backend.sync({ ...change, kind: 'incremental' })).toMatchObject({ outcome: 'ok' });
    expect(inner.changes.map(({ kind }) => kind)).toEqual(['full', 'incremental']);
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
  });

  it('inspects nothing before it lives, and then what the backend holds', async () => {
    const servicePorts = new Map([['shop/web:http/TCP', { objects: [], endpoints: [] }]]);
    const inner = {
      ...recordingBackend('IPv4', 'kernelspace'),
      inspect: () => Promise.resolve({ outcome: 'ok', servicePorts } as const),
      difference: () => Promise.resolve({ outcome: 'ok', lines: ['+{'] } as const),
    };
    let created = 0;
    const create = () => Promise.resolve((created++, inner));
    const backend = lazyBackend({ mode: 'kernelspace', family: 'IPv4', create, nothing: NOTHING_DONE });
    expect(await backend.inspect?.(null)).toEqual({ outcome: 'ok', servicePorts: new Map() });
    expect(await backend.difference?.()).toEqual({ outcome: 'ok', lines: [] });
    expect(created).toBe(0);
    await backend.sync(change);
    expect(await backend.inspect?.(null)).toEqual({ outcome: 'ok', servicePorts });
    expect(await backend.difference?.()).toEqual({ outcome: 'ok', lines: ['+{'] });
  });

  it("follows the node's address, and keeps the last one while the Node object has none", () => {
    let known: string | null = null;
    const facts = { nodeIP: () => known, syncPeriod: () => 1, counters: null };
    const address = nodeAddressOf(facts, 'IPv4');
    expect(address()).toBe('');
    known = '192.0.2.10';
    expect(address()).toBe('192.0.2.10');
    known = '192.0.2.11';
    expect(address()).toBe('192.0.2.11');
    known = null;
    expect(address()).toBe('192.0.2.11');
  });

  it('F59 F68: the HNS network comes from the flag, else from KUBE_NETWORK', () => {
    process.env['KUBE_NETWORK'] = 'from-environment';
    expect(networkNameOf(settingsOf(['--network-name=from-flag'], { platform: 'windows' }))).toBe(
      'from-flag',
    );
    expect(networkNameOf(settingsOf([], { platform: 'windows' }))).toBe('from-environment');
    delete process.env['KUBE_NETWORK'];
  });
});
