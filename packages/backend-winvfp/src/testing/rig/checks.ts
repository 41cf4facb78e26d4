/** Checks of the path from TypeScript through edge-js, C# and P/Invoke to the functions of HNS, and back. */
import assert from 'node:assert/strict';
import { fullChange, type DesiredServicePort } from '@signalbox/core';
import { createHns } from '@signalbox/hns-simulator';
import { createWinvfpBackend } from '../../backend.ts';
import { hcnApiOf, type HcnApi } from '../../driver/hcn-api.ts';
import type { NativeLayer } from '../../driver/native-layer.ts';
import { probeHns } from '../../driver/probe.ts';
import { HRESULT } from '../../objects/hresult.ts';
import { addNetwork, attachPod, incremental, newBackend, stateOf } from '../random-host.ts';
import { describeSnapshot, LOCAL_PODS, randomService, VERSIONS, type Random } from '../random-world.ts';
import { createSimulatedHcn } from '../simulated-hcn.ts';
import type { SimulatorControl } from './control.ts';

export interface RigContext {
  readonly layer: NativeLayer;
  readonly hcn: HcnApi;
  readonly control: SimulatorControl;
}

export interface Check {
  readonly name: string;
  run(context: RigContext): Promise<void>;
}

const SHAPE = { overlay: false, hns: {} };
const UNKNOWN_ID = '00000000-0000-4000-8000-00000000ABCD';
const ODD_TEXT = 'ünïcode 漢字 😀 "quoted" back\\slash\ttab\u0001';

async function freshHost(control: SimulatorControl, version = VERSIONS.at(-1)): Promise<string> {
  await control.reset(version === undefined ? {} : { version });
  const network = {
    Name: 'cbr0',
    Type: 'L2Bridge',
    Policies: [],
    Ipams: [{ Subnets: [{ IpAddressPrefix: '10.244.1.0/24' }] }],
  };
  const id = (await control.run('addNetwork', network)) as string;
  for (const address of LOCAL_PODS) {
    await control.run('attach', {
      Name: `pod-${address}`,
      HostComputeNetwork: id,
      IpConfigurations: [{ IpAddress: address }],
    });
  }
  return id;
}

async function createBalancers(hcn: HcnApi, endpoint: string, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const settings = {
      HostComputeEndpoints: [endpoint],
      FrontendVIPs: [`10.97.${index >> 8}.${index & 255}`],
      PortMappings: [{ Protocol: 6, InternalPort: 8080, ExternalPort: 80 }],
      SchemaVersion: { Major: 2, Minor: 0 },
    };
    const id = `00000000-0000-4000-8000-${index.toString(16).padStart(12, '0')}`;
    const reply = await hcn.call({ op: 'create-load-balancer', id, settings });
    assert.equal(reply.hresult, 0, JSON.stringify(reply));
  }
}

/** A seeded generator of its own: the check runs where the test kit is not available. */
function seeded(seed: number): Random {
  let value = seed;
  return () => {
    value = (Math.imul(value, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return value / 0x8000_0000;
  };
}

async function compareLives({ hcn, control }: RigContext, seed: number): Promise<void> {
  const version = VERSIONS[seed % VERSIONS.length];
  await freshHost(control, version);
  const shape = { ...SHAPE, hns: version === undefined ? {} : { version } };
  const reference = createHns(shape.hns);
  addNetwork(reference, SHAPE, []);
  for (const address of LOCAL_PODS) attachPod(reference, address);
  const random = seeded(seed);
  const backends = [newBackend(shape, hcn), newBackend(shape, createSimulatedHcn(reference))];
  const services = new Map<string, DesiredServicePort>();
  for (const backend of backends) await backend.sync(fullChange(stateOf(services)));
  for (let step = 0; step < 15; step += 1) {
    const after = randomService(random);
    const before = services.get(after.key);
    services.set(after.key, after);
    const change =
      before === undefined ? incremental([after], [], []) : incremental([], [{ before, after }], []);
    for (const backend of backends) {
      const result = await backend.sync(change);
      assert.equal(result.outcome, 'ok', JSON.stringify(result));
    }
    assert.deepEqual(describeSnapshot(await control.snapshot()), describeSnapshot(reference.snapshot()));
  }
}

export const CHECKS: readonly Check[] = [
  {
    name: 'the runtime starts and reports its version',
    async run({ layer }) {
      const reply = JSON.parse(await layer.invoke('{"op":"runtime"}')) as {
        readonly items: readonly string[];
      };
      assert.match(reply.items[0] ?? '', /^\.NET \d/);
    },
  },
  {
    name: 'HNS reports its version and lists its policies',
    async run({ hcn, control }) {
      await control.reset({ version: { major: 13, minor: 2 } });
      const found = await probeHns(hcn, 'cbr0', 'IPv4');
      assert.deepEqual(found.ok ? found.value.version : found.error, { major: 13, minor: 2 });
    },
  },
  {
    name: 'an HRESULT and its record arrive as data',
    async run({ hcn, control }) {
      await freshHost(control);
      const reply = await hcn.call({ op: 'delete-load-balancer', id: UNKNOWN_ID });
      assert.equal(reply.hresult, HRESULT.elementNotFound);
      assert.equal(reply.call, 'HcnDeleteLoadBalancer');
      assert.match(reply.record, /"ErrorCode":2147943568/);
    },
  },
  {
    name: 'a request that cannot be read is a failed reply, not an exception',
    async run({ layer }) {
      await assert.rejects(layer.invoke('{"op":'));
      const broken = hcnApiOf(() => layer.invoke('{"op":"nonsense"}'));
      const reply = await broken.call({ op: 'hns', path: '/' });
      assert.equal(reply.hresult, HRESULT.fail);
      assert.match(reply.record, /nonsense/);
    },
  },
  {
    name: 'text of any kind survives the way there and back',
    async run({ hcn, control }) {
      const network = await freshHost(control);
      const settings = {
        HostComputeNetwork: network,
        Name: ODD_TEXT,
        IpConfigurations: [{ IpAddress: '10.244.2.9' }],
        Dns: {},
        Health: {},
        Flags: 1,
      };
      const reply = await hcn.call({ op: 'create-endpoint', network, id: UNKNOWN_ID, settings });
      assert.equal(reply.hresult, 0, JSON.stringify(reply));
      const listed = await hcn.call({ op: 'list', kind: 'endpoint', filter: { Name: ODD_TEXT } });
      const names = listed.items.map((item) => (JSON.parse(item) as { readonly Name: string }).Name);
      assert.deepEqual(names, [ODD_TEXT]);
    },
  },
  {
    name: 'three hundred load balancers are listed in one call and no handle stays open',
    async run({ hcn, control }) {
      await freshHost(control);
      const { endpoints } = await control.snapshot();
      await createBalancers(hcn, endpoints[0]?.ID ?? '', 300);
      const listed = await hcn.call({ op: 'list', kind: 'load-balancer', filter: {} });
      assert.equal(listed.items.length, 300);
      assert.equal(await control.openHandles(), 0);
    },
  },
  {
    name: 'the event loop turns while HNS is busy, and calls that overlap do not mix',
    async run({ hcn, control }) {
      await freshHost(control);
      let turns = 0;
      let busy = true;
      const turn = (): void => {
        turns += 1;
        if (busy) setImmediate(turn);
      };
      setImmediate(turn);
      const calls = LOCAL_PODS.flatMap((address) =>
        Array.from({ length: 20 }, () =>
          hcn.call({ op: 'list', kind: 'endpoint', filter: { Name: `pod-${address}` } }),
        ),
      );
      const replies = await Promise.all(calls);
      busy = false;
      assert.ok(turns > 1, `the loop turned ${turns} times`);
      replies.forEach((reply, index) => {
        const desired = LOCAL_PODS[Math.floor(index / 20)] ?? '';
        assert.ok(reply.items[0]?.includes(`pod-${desired}`), `call ${index}: ${reply.items.join()}`);
      });
      assert.equal(await control.openHandles(), 0);
    },
  },
  {
    name: 'a backend over the native layer does what one in memory does (15 changes on each HNS version)',
    async run(context) {
      for (let seed = 0; seed < VERSIONS.length; seed += 1) await compareLives(context, seed);
      assert.equal(await context.control.openHandles(), 0);
    },
  },
  {
    name: 'HNS stops and starts: a failed sync, then a good one',
    async run({ hcn, control }) {
      await freshHost(control);
      const backend = createWinvfpBackend({ family: 'IPv4', hcn, networkName: 'cbr0', nodeIP: '192.0.2.10' });
      const service = randomService(seeded(5));
      const change = fullChange(stateOf(new Map([[service.key, service]])));
      await control.run('stop');
      const failed = await backend.sync(change);
      assert.equal(failed.error?.code, 'unavailable', JSON.stringify(failed));
      await control.run('start', 'keep');
      const result = await backend.sync(incremental([], [], []));
      assert.equal(result.outcome, 'ok', JSON.stringify(result));
      assert.deepEqual(await backend.observe(), { outcome: 'ok', drift: [] });
      assert.equal(await control.openHandles(), 0);
    },
  },
];
