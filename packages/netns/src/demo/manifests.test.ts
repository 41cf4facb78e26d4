import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WEB_AFTER, WEB_BEFORE, writeAll, writeWeb } from './manifests.ts';
import { readObjects } from './objects.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'signalbox-manifests-'));
beforeAll(() => writeAll(folder));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const webPods = (): readonly string[] => [
  ...new Set(
    readObjects(folder)
      .endpoints.filter(({ service }) => service === 'shop/web')
      .map(({ pod }) => pod),
  ),
];

describe('the manifests of the demo', () => {
  it('have both families of cluster IPs and node ports for TCP and UDP', () => {
    const shown = readObjects(folder).frontends.map(
      ({ kind, protocol, at }) => `${kind} ${protocol} ${at.address} ${at.port}`,
    );
    expect(shown.sort()).toEqual([
      'ClusterIP TCP 10.96.0.80 80',
      'ClusterIP TCP fd00:10:96::50 80',
      'ClusterIP UDP 10.96.0.10 53',
      'ClusterIP UDP fd00:10:96::a 53',
      'NodePort TCP 192.0.2.10 30080',
      'NodePort TCP 2001:db8:0:2::10 30080',
      'NodePort UDP 192.0.2.10 30053',
      'NodePort UDP 2001:db8:0:2::10 30053',
    ]);
  });

  it('replace one pod by another', () => {
    expect(webPods()).toEqual(WEB_BEFORE.map(({ name }) => name));
    writeWeb(folder, WEB_AFTER);
    expect(webPods()).toEqual(['web-1', 'web-3', 'web-4']);
  });
});
