/** Tests the frontends of a node, and joins what was seen with what the rules of Kubernetes say. */
import {
  explain,
  FAMILIES,
  isLoopback,
  type Explanation,
  type Family,
  type Model,
  type UnusedClusterIPs,
} from '@signalbox/core';
import { interfaceAddresses } from '../node/prepare-node.ts';
import { connectAll } from './connect.ts';
import type { TemporaryPod } from './pod.ts';
import { probeResult, type ProbeResult } from './probe-report.ts';
import { probesOf, type CallerName, type Probe } from './probes.ts';
import { runProbes, type Connect, type ProbeAttempts, type ProbeRun } from './run-probes.ts';

export interface ServiceTest {
  /** Built in both families. */
  readonly model: Pick<Model, 'state' | 'node'>;
  /** `namespace/name`; `null`: every Service. */
  readonly only: string | null;
  readonly fromNode: boolean;
  /** `null`: no connections from a pod. */
  readonly pod: TemporaryPod | null;
  readonly unused: UnusedClusterIPs;
  readonly run: Omit<ProbeRun, 'callers'>;
}

export async function testServices(test: ServiceTest): Promise<readonly ProbeResult[]> {
  const { fromNode, pod, run } = test;
  const callers = new Map<CallerName, Connect>();
  if (fromNode) callers.set('node', connectAll);
  if (pod !== null) callers.set('pod', (request) => pod.connect(request));
  const probes = FAMILIES.flatMap((family) => probesIn(family, test));
  const done = await runProbes(probes, { ...run, callers });
  const addresses = hostAddresses(test.model);
  return done.map((each) => probeResult(each, expectationOf(each, test, addresses), addresses));
}

function probesIn(family: Family, { model, only, fromNode, pod }: ServiceTest): readonly Probe[] {
  // A family in which the pod has no address has no route there, either.
  const hasPod = pod !== null && pod.source(family) !== null;
  const callers: readonly CallerName[] = [
    ...(fromNode ? ['node' as const] : []),
    ...(hasPod ? ['pod' as const] : []),
  ];
  return probesOf(model.state(family), { callers, nodePortAddress: nodePortAddressOf(model, family), only });
}

/** The Node's own, if it serves node ports. */
function nodePortAddressOf(model: ServiceTest['model'], family: Family): string | null {
  const { nodePortIPs } = model.state(family).node;
  const primary = model.node().ips[family];
  if (primary !== undefined && nodePortIPs.includes(primary)) return primary;
  return nodePortIPs.find((address) => !isLoopback(address)) ?? nodePortIPs[0] ?? null;
}

const LOOPBACK: Readonly<Record<Family, string>> = { IPv4: '127.0.0.1', IPv6: '::1' };

function hostAddresses(model: ServiceTest['model']): readonly string[] {
  return [...Object.values(model.node().ips), ...interfaceAddresses().map(({ address }) => address)];
}

/** What the rules say about such a connection. */
function expectationOf(
  { probe, attempts }: ProbeAttempts,
  { model, pod, unused }: ServiceTest,
  addresses: readonly string[],
): Explanation {
  const { caller, family, protocol, address, port } = probe;
  const isPod = caller === 'pod';
  const own = attempts?.[0]?.local?.address ?? model.node().ips[family];
  const source = (isPod ? pod?.source(family) : own) ?? LOOPBACK[family];
  const inInterface = isPod ? (pod?.inInterface ?? null) : null;
  const packet = { protocol, source, inInterface, destination: address, destinationPort: port };
  return explain(model.state(family), packet, { addresses, unused });
}
