/** Addresses of the service device that other devices have too. */
import { execFileSync } from 'node:child_process';
import { fullChange } from '@signalbox/core';
import { sampleServicePort, sampleStateOf } from '@signalbox/backend-kit/testing';
import { afterEach, expect, it } from 'vitest';
import { createServiceDevice, probeDevice, surveyDevice } from './probe.ts';
import { createUserspaceBackend } from '../userspace-backend.ts';

const ADDRESS = '10.96.0.1/32';
const ip = (...args: readonly string[]): string => execFileSync('ip', args, { encoding: 'utf8' });
const devices = (): readonly string[] =>
  [...ip('-o', 'address', 'show').matchAll(/^\d+: (\S+) +inet 10\.96\.0\.1\/32 /gm)].map(
    ([, name = '']) => name,
  );

const DEVICE = 'kube-userspace0';

it('a probe for the privilege creates no device', async () => {
  expect(await probeDevice()).toBeNull();
  expect(ip('-o', 'link')).not.toContain(DEVICE);
});

it('a survey lists the device also without addresses, as the cleanup removes it', async () => {
  expect(await createServiceDevice()).toBeNull();
  expect(await surveyDevice('IPv4')).toEqual({ ok: true, value: [`device ${DEVICE}`] });
  const backend = createUserspaceBackend({ family: 'IPv4' });
  expect(await backend.cleanup()).toMatchObject({ outcome: 'ok', removed: [`device ${DEVICE}`] });
  await backend.close();
  expect(await surveyDevice('IPv4')).toEqual({ ok: true, value: [] });
});

const held: { links: string[] } = { links: [] };
afterEach(() => {
  for (const name of held.links.splice(0)) ip('link', 'delete', name);
});

it.each([
  ['kube-ipvs0', ['kube-ipvs0', 'kube-userspace0']],
  ['other0', ['other0']],
])('a service address that %s has is on %j after a sync', async (name, expected) => {
  ip('link', 'add', name, 'type', 'bridge');
  held.links.push(name);
  ip('address', 'add', ADDRESS, 'dev', name);
  const backend = createUserspaceBackend({ family: 'IPv4' });
  const state = sampleStateOf('IPv4', [sampleServicePort('IPv4', { index: 1 })]);
  expect(await backend.sync(fullChange(state))).toMatchObject({ outcome: 'ok' });
  expect(devices()).toEqual(expected);
  expect((await backend.cleanup()).outcome).toBe('ok');
  await backend.close();
  expect(devices()).toEqual([name]);
});
