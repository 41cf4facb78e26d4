/** Services that are not served: one command, and the page of a proxy on the fake kernel of its mode, show the cause of each. */
import { readFileSync } from 'node:fs';
import { iptablesScenarioBackend } from '@signalbox/backend-iptables/testing';
import { ipvsScenarioBackend } from '@signalbox/backend-ipvs/testing';
import { nftablesScenarioBackend } from '@signalbox/backend-nftables/testing';
import { userspaceScenarioBackend } from '@signalbox/backend-userspace/testing';
import { winvfpScenarioBackend } from '@signalbox/backend-winvfp/testing';
import type { ObjectEvent, Resource } from '@signalbox/core';
import type { ScenarioBackend, ScenarioHost, ScenarioInstance } from '@signalbox/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { runCommandLine } from '../command-line.ts';
import { recordingComposition } from '../testing/composition.ts';
import { pageText } from '../testing/page-text.ts';
import { NODE, start, stopAll, synced, type World } from '../testing/proxy-world.ts';

afterEach(stopAll);

type Json = Readonly<Record<string, unknown>>;

const HOST: ScenarioHost = {
  addresses: ['127.0.0.1', '192.0.2.10'],
  interfaces: { pods: 'cni0', outside: 'eth0' },
};

function service(spec: Json = {}, name = 'web', created = '2026-02-01T00:00:00Z'): ObjectEvent {
  const ports = [{ name: 'http', port: 80, protocol: 'TCP' }];
  const object = {
    metadata: { namespace: 'shop', name, creationTimestamp: created },
    spec: { type: 'ClusterIP', clusterIP: '10.96.0.10', ports, ...spec },
    status: { loadBalancer: { ingress: [{ ip: '203.0.113.9' }] } },
  };
  return { type: 'upsert', resource: 'Service', object };
}

function slice(endpoint: Json | null = {}, port = 'http'): ObjectEvent {
  const conditions = { ready: true };
  const given = { addresses: ['10.244.1.5'], nodeName: 'node-a', conditions, ...endpoint };
  const object = {
    metadata: { namespace: 'shop', name: 'web-1', labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    ports: [{ name: port, port: 8080, protocol: 'TCP' }],
    endpoints: endpoint === null ? [] : [given],
  };
  return { type: 'upsert', resource: 'EndpointSlice', object };
}

interface Cluster {
  readonly world: World;
  readonly kernel: ScenarioInstance;
}

interface Fault {
  readonly argv?: readonly string[];
  /** No write of the mode succeeds. */
  readonly refusesWrites?: true;
  /** The error of every watch of the API server. */
  readonly apiError?: string;
}

const RESOURCES: readonly Resource[] = ['Service', 'EndpointSlice', 'Node', 'ServiceCIDR'];

async function cluster(
  mode: ScenarioBackend,
  events: readonly ObjectEvent[],
  fault: Fault = {},
): Promise<Cluster> {
  const { argv = ['--cluster-cidr=10.244.0.0/16'], refusesWrites, apiError } = fault;
  const faults = (): boolean => refusesWrites === true;
  const kernel = mode.create({ family: 'IPv4', host: HOST, faults, options: {} });
  // A moment before the time of the clock.
  const connection = { lastContact: 1_699_999_990_000, error: apiError ?? null };
  const proxyMode = kernel.backend.mode;
  const world = await start([`--proxy-mode=${proxyMode}`, ...argv], ['IPv4'], {
    platform: proxyMode === 'kernelspace' ? 'windows' : 'linux',
    composition: { createBackend: () => Promise.resolve(kernel.backend) },
    bundle: { connections: () => RESOURCES.map((resource) => ({ resource, ...connection })) },
  });
  const node: ObjectEvent = { type: 'upsert', resource: 'Node', object: { ...NODE, spec: {} } };
  world.parts.source.handlers.onEvents([node, ...events]);
  synced(world, 'Service', 'EndpointSlice', 'Node', 'ServiceCIDR');
  await world.settle(1000);
  return { world, kernel };
}

interface Answer {
  readonly status: number;
  readonly printed: string;
}

/** The output of `signalbox WORDS` for the proxy of this test. */
async function ask({ world }: Cluster, ...words: readonly string[]): Promise<Answer> {
  const { port } = world.proxy.servers.metrics?.address() ?? { port: 0 };
  const printed: string[] = [];
  const terminal = { print: (text: string) => void printed.push(text), hint: () => undefined };
  const argv = [...words, `--metrics-bind-address=127.0.0.1:${port}`];
  const { status, errors } = await runCommandLine(argv, recordingComposition(), terminal);
  expect(errors).toEqual([]);
  return { status, printed: printed.join('') };
}

/** The visible text of the page of the Service. */
async function page({ world }: Cluster): Promise<string> {
  const response = await world.get('metrics', '/page/shop/web');
  expect(response.status).toBe(200);
  return pageText(await response.text());
}

const LOAD_BALANCER = { type: 'LoadBalancer', externalTrafficPolicy: 'Local' };

interface Row {
  readonly title: string;
  readonly events: readonly ObjectEvent[];
  readonly fault?: Fault;
  readonly command: readonly string[];
  readonly status: number;
  readonly prints: RegExp;
  readonly shows: RegExp;
  /** Mode in which the Service works. */
  readonly notIn?: ScenarioBackend;
}

const DESCRIBE = ['describe', 'shop/web'];

const LIMITED = [service({ ...LOAD_BALANCER, loadBalancerSourceRanges: ['198.51.100.0/24'] }), slice()];

const ROWS: readonly Row[] = [
  {
    title: 'S12: no endpoint is ready',
    events: [service(), slice({ conditions: { ready: false } })],
    command: DESCRIBE,
    status: 2,
    prints:
      /Diagnosis: .*rejected: its endpoint is not ready[^]*10\.244\.1\.5:8080 +node-a .*not ready \(S12\)/,
    shows: /shop\/web Not served.* its endpoint is not ready .*10\.244\.1\.5:8080.* not ready \(S12\)/,
  },
  {
    title: 'F131: the slice port has another name than the service port',
    events: [service(), slice({}, 'web')],
    command: DESCRIBE,
    status: 2,
    prints: /no EndpointSlice has a port http \(TCP\); their ports: web \(TCP\)/,
    shows: /shop\/web Not served.* no EndpointSlice has a port http \(TCP\); their ports: web \(TCP\)/,
  },
  {
    title: 'S5: the selector matches no pod',
    events: [service(), slice(null)],
    command: DESCRIBE,
    status: 2,
    prints: /EndpointSlices have no endpoints: no pod matches spec\.selector/,
    shows: /shop\/web Not served.* EndpointSlices have no endpoints: no pod matches spec\.selector/,
  },
  {
    title: 'S28: an older Service has the address',
    events: [service(), slice(), service({}, 'old', '2026-01-01T00:00:00Z')],
    command: DESCRIBE,
    status: 2,
    prints:
      /Diagnosis: .*10\.96\.0\.10:80\/TCP is already used by Service shop\/old[^]*lost to shop\/old:http\/TCP/,
    shows:
      /shop\/web Not served.* 10\.96\.0\.10:80\/TCP is already used by Service shop\/old.* Lost to shop\/old:http\/TCP/,
  },
  {
    title: 'S24: source ranges exclude other clients',
    events: LIMITED,
    notIn: winvfpScenarioBackend,
    command: DESCRIBE,
    status: 0,
    prints: /load-balancer +203\.0\.113\.9:80\/TCP .*only from 198\.51\.100\.0\/24/,
    shows: /shop\/web Served .*Load-balancer IPs accept connections from 198\.51\.100\.0\/24 only/,
  },
  {
    title: 'S22: externalTrafficPolicy Local, and the endpoints run on another node',
    events: [service(LOAD_BALANCER), slice({ nodeName: 'node-b' })],
    command: DESCRIBE,
    status: 2,
    prints:
      /externalTrafficPolicy is Local: packets to load-balancer 203\.0\.113\.9:80\/TCP are dropped; endpoints run on node-b/,
    shows:
      /shop\/web Not served .*externalTrafficPolicy is Local: packets to load-balancer 203\.0\.113\.9:80\/TCP are dropped; endpoints run on node-b/,
  },
  {
    title: 'S36: the pod CIDR of the node is unknown',
    events: [service(), slice()],
    fault: { argv: ['--detect-local-mode=NodeCIDR'] },
    command: ['status'],
    status: 2,
    prints: /State: +waiting\nWaiting for: +pod CIDRs of Node node-a/,
    shows: /Waiting for pod CIDRs of Node node-a/,
  },
  {
    title: 'the kernel refuses the rules',
    events: [service(), slice()],
    fault: { refusesWrites: true },
    command: DESCRIBE,
    status: 2,
    prints: /Diagnosis: +Failed to program shop\/web:http\/TCP: /,
    shows:
      /shop\/web Not served Failed to program shop\/web:http\/TCP: .*Not programmed shop\/web:http\/TCP IPv4: /,
  },
  {
    title: 'the API server is not reachable',
    events: [service(), slice()],
    fault: { apiError: 'https://10.0.0.1:6443: connect ECONNREFUSED' },
    command: ['status'],
    status: 2,
    prints:
      /State: +degraded[^]*No connection to the API server \(last contact \d+ s ago\): https:\/\/10\.0\.0\.1:6443: connect ECONNREFUSED/,
    shows:
      /Degraded .*No connection to the API server \(last contact \d+ s ago\): https:\/\/10\.0\.0\.1:6443: connect ECONNREFUSED/,
  },
];

const MODES: readonly ScenarioBackend[] = [
  iptablesScenarioBackend,
  ipvsScenarioBackend,
  nftablesScenarioBackend,
  userspaceScenarioBackend,
  winvfpScenarioBackend,
];

const rowsOf = (mode: ScenarioBackend): readonly Row[] =>
  ROWS.filter(({ notIn }) => notIn === undefined || notIn !== mode);

describe.each(MODES)('in $mode mode', (mode) => {
  it('a correct Service is served, and its kernel objects are present', async () => {
    const correct = await cluster(mode, [service(), slice()]);
    const { status, printed } = await ask(correct, ...DESCRIBE);
    expect([status, printed]).toEqual([0, expect.stringMatching(/Diagnosis: +Served: 1 port, 1 endpoint/)]);
    expect(printed).toMatch(
      new RegExp(`KERNEL \\(${correct.kernel.backend.mode}\\) +NAME +STATE\n.* held\n`),
    );
  });

  it.each(rowsOf(mode))('one command and the page name the cause: $title', async (row) => {
    const broken = await cluster(mode, row.events, row.fault);
    const answer = await ask(broken, ...row.command);
    expect(answer).toEqual({ status: row.status, printed: expect.stringMatching(row.prints) });
    expect(await page(broken)).toMatch(row.shows);
  });

  it('one command and the page name the cause: another process flushed the rules', async () => {
    const broken = await cluster(mode, [service(), slice()]);
    await broken.kernel.backend.cleanup();
    const answer = await ask(broken, ...DESCRIBE);
    const prints = /Diagnosis: +The kernel does not hold what was programmed: .* is missing/;
    expect(answer).toEqual({ status: 2, printed: expect.stringMatching(prints) });
    expect(await page(broken)).toMatch(
      /shop\/web Not served The kernel does not hold what was programmed: .* is missing/,
    );
  });
});

describe('in kernelspace mode', () => {
  it('S24: source ranges have no effect, which the command, explain and the page state', async () => {
    const limited = await cluster(winvfpScenarioBackend, LIMITED);
    const { status, printed } = await ask(limited, ...DESCRIBE);
    expect([status, printed]).toEqual([
      0,
      expect.stringMatching(/198\.51\.100\.0\/24 has no effect in this/),
    ]);
    expect(printed).not.toMatch('only from');
    expect(await page(limited)).toMatch(
      /loadBalancerSourceRanges: 198\.51\.100\.0\/24 has no effect in this/,
    );
    const explained = await limited.world.get('metrics', '/debug/explain?from=192.0.2.77&to=203.0.113.9:80');
    expect(await explained.json()).toMatchObject({
      explanation: { outcome: { kind: 'forward', destinations: [{ address: '10.244.1.5' }] } },
    });
  });
});

interface Example {
  readonly words: readonly string[];
  /** Lines that follow each other in the output. */
  readonly excerpts: readonly string[];
}

/** The commands of README.md that are run on a node. */
function readmeExamples(): readonly Example[] {
  const readme = readFileSync(new URL('../../../../README.md', import.meta.url), 'utf8');
  const [, block = ''] = /^```\n(\$ signalbox describe [^]*?)^```/m.exec(readme) ?? [];
  return block
    .split(/^\$ signalbox /m)
    .slice(1)
    .map((text) => {
      const [command = '', ...output] = text.split(/(?<=\n)/);
      const excerpts = output.join('').split('…\n');
      return { words: command.trim().split(' '), excerpts: excerpts.filter((each) => each !== '') };
    });
}

/** From the first excerpt on, so that the next one can follow only after it. */
function missingOf(printed: string, excerpts: readonly string[]): readonly string[] {
  let from = 0;
  return excerpts.filter((excerpt) => {
    const at = `\n${printed}`.indexOf(`\n${excerpt}`, from);
    if (at >= 0) from = at + excerpt.length;
    return at < 0;
  });
}

describe('README.md', () => {
  it.each(MODES)('shows what the commands print in $mode mode', async (mode) => {
    const broken = await cluster(mode, [service(), slice({}, 'web')]);
    const examples = readmeExamples();
    expect(examples.map(({ words }) => words[0])).toEqual(['describe', 'status']);
    for (const { words, excerpts } of examples) {
      const { printed } = await ask(broken, ...words);
      expect(excerpts.length, words[0]).toBeGreaterThan(0);
      expect(missingOf(printed, excerpts), words[0]).toEqual([]);
    }
  });
});
