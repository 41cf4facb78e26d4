import { HR } from '@signalbox/hns-simulator';
import { describe, expect, it } from 'vitest';
import { createWinvfpBackend, type WinvfpBackend } from '../backend.ts';
import {
  clusterIP,
  endpoint,
  fullOf,
  service,
  testHost,
  writes,
  type TestHost,
} from '../testing/fixtures.ts';
import { incremental } from '../testing/random-host.ts';
import type { HcnApi } from './hcn-api.ts';

const NOTHING = incremental([], [], []);

/** A backend over another view of the same host. */
function over(call: HcnApi['call']): WinvfpBackend {
  const hcn = { call };
  return createWinvfpBackend({
    family: 'IPv4',
    networkName: 'cbr0',
    nodeIP: '192.0.2.10',
    enableDSR: true,
    hcn,
  });
}

/** One endpoint can never be made. */
function refusing(host: TestHost, address: string): WinvfpBackend {
  return over((request) => {
    const hit =
      request.op === 'create-endpoint' && request.settings.IpConfigurations?.[0]?.IpAddress === address;
    const refused = { hresult: HR.objectExists, call: 'HcnCreateEndpoint', record: '', items: [] };
    return hit ? Promise.resolve(refused) : host.recorder.call(request);
  });
}

describe('an endpoint that cannot be made', () => {
  it.each([
    [{ major: 12, minor: 1 }, true],
    [{ major: 15, minor: 5 }, false],
    [{ major: 15, minor: 5 }, true],
  ])('leaves the load balancer of the others alone: %j', async (version, updateInPlace) => {
    const host = testHost({ version });
    const backend = refusing(host, '10.244.2.9');
    const endpoints = [endpoint('10.244.1.2'), endpoint('10.244.2.9')];
    const web = service({ windows: { updateInPlace }, endpoints });
    expect(await backend.sync(fullOf(web))).toMatchObject({ outcome: 'partial' });
    host.recorder.take();
    expect(await backend.sync(NOTHING)).toMatchObject({ outcome: 'partial', failures: [{ key: web.key }] });
    expect(writes(host.recorder)).toEqual([]);
    const other = service({
      name: 'o',
      frontends: [clusterIP('10.96.0.77')],
      endpoints: endpoints.slice(0, 1),
    });
    await backend.sync(incremental([other], [], []));
    expect(writes(host.recorder)).toEqual(['create-load-balancer']);
  });
});
