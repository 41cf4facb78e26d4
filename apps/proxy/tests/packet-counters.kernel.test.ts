/** The two packet counters from the packet to the metric, with either variant of iptables. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from '@signalbox/netns';
import { afterEach, describe, expect, it } from 'vitest';
import { startSignalbox } from './node-processes.ts';
import { createNodeRig, type NodeRig } from './node-rig.ts';

const POD = '10.244.1.5';
const OUTSIDE = '198.51.100.7';
const NODE_PORT = 30_080;
const INVALID = 'kubeproxy_iptables_ct_state_invalid_dropped_packets_total';
const LOCALHOST = 'kubeproxy_iptables_localhost_nodeports_accepted_packets_total';

const OBJECTS = [
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      type: 'NodePort',
      clusterIP: '10.96.0.10',
      clusterIPs: ['10.96.0.10'],
      ipFamilies: ['IPv4'],
      ports: [{ name: 'http', port: 80, nodePort: NODE_PORT, protocol: 'TCP' }],
    },
  },
  {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'web-1', namespace: 'default', labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    endpoints: [{ addresses: [POD], conditions: { ready: true }, nodeName: 'node-a' }],
  },
];

const held: { rig: NodeRig | null } = { rig: null };

async function build(): Promise<NodeRig> {
  const rig = await createNodeRig([POD], [OUTSIDE]);
  held.rig = rig;
  OBJECTS.forEach((object, index) =>
    writeFileSync(join(rig.folder, `${index}.json`), JSON.stringify(object)),
  );
  await rig.hostOf(POD).listen('TCP', { address: POD, port: 8080 });
  return rig;
}

afterEach(async () => {
  await held.rig?.close();
  held.rig = null;
});

async function metric(rig: NodeRig, name: string): Promise<number> {
  const { body } = await rig.get('10249/metrics');
  const line = body.split('\n').find((each) => each.startsWith(`${name} `));
  return Number(line?.split(' ')[1] ?? Number.NaN);
}

/** Responses to requests that connection tracking did not see: they belong to no entry. */
async function sendInvalid(rig: NodeRig, packets: number): Promise<void> {
  const pod = rig.hostOf(POD);
  const ping = ['ping', '-c', String(packets), '-i', '0.2', '-W', '1', OUTSIDE];
  const hide = ['-t', 'raw', '-A', 'PREROUTING', '-s', POD, '-p', 'icmp', '-j', 'NOTRACK'];
  await runCommand([...pod.prefix, ...ping]);
  await rig.onNode('iptables', ...hide);
  await expect(runCommand([...pod.prefix, ...ping])).rejects.toThrow('exit 1');
}

async function connectLocalhost(rig: NodeRig, tries: number): Promise<readonly string[]> {
  const to = { address: '127.0.0.1', port: NODE_PORT };
  const request = { protocol: 'TCP', from: '127.0.0.1', to, tries, timeout: 10_000 } as const;
  return (await rig.world.node.connect(request)).map(({ kind }) => kind);
}

/** A kubelet's chain decides which variant the proxy uses. */
const useVariant = (rig: NodeRig, variant: string): Promise<string> =>
  rig.onNode(`iptables-${variant}`, '-t', 'mangle', '-N', 'KUBE-IPTABLES-HINT');

async function cleanUp(rig: NodeRig): Promise<readonly string[]> {
  const cleanup = startSignalbox(rig.world.node, ['--cleanup']);
  expect([await cleanup.ended, cleanup.log()]).toEqual([0, expect.any(String)]);
  return [...cleanup.log().matchAll(/^Removed: .*accounting object (\w+)/gm)].map(([, name = '']) => name);
}

describe.each(['nft', 'legacy'])('packet counters with the %s variant', (variant) => {
  it('F162 F163 F86: count from the packet to the metric, outlive the process, and go with --cleanup', async () => {
    const rig = await build();
    await useVariant(rig, variant);
    const first = await rig.startReadyProxy();
    expect([await metric(rig, INVALID), await metric(rig, LOCALHOST)]).toEqual([0, 0]);
    expect(first.log()).not.toContain('Packets are not counted');
    expect(await rig.onNode(`iptables-${variant}-save`)).not.toContain('KUBE-PROXY-PROBE');

    await sendInvalid(rig, 3);
    expect(await metric(rig, INVALID)).toBe(3);
    // NAT sees the first packet of a connection.
    expect(await connectLocalhost(rig, 2)).toEqual(['answered', 'answered']);
    expect(await metric(rig, LOCALHOST)).toBe(2);

    expect(await first.end('SIGTERM')).toBe(0);
    const second = await rig.startReadyProxy();
    expect([await metric(rig, INVALID), await metric(rig, LOCALHOST)]).toEqual([3, 2]);
    // iptables lists the rules as they were written: a new process finds no difference.
    for (const table of ['nat', 'filter']) {
      const written = `kubeproxy_sync_proxy_rules_iptables_last{ip_family="IPv4",table="${table}"}`;
      expect([table, await metric(rig, written)]).toEqual([table, 0]);
    }

    await second.end('SIGTERM');
    const otherRule = ['INPUT', '-m', 'nfacct', '--nfacct-name', 'localhost_nps_accepted_pkts'];
    await rig.onNode(`iptables-${variant}`, '-A', ...otherRule);
    expect(await cleanUp(rig)).toEqual(['ct_state_invalid_dropped_pkts']);
    await rig.onNode(`iptables-${variant}`, '-D', ...otherRule);
    expect(await cleanUp(rig)).toEqual(['localhost_nps_accepted_pkts']);
    expect(await cleanUp(rig)).toEqual([]);
  });
});
