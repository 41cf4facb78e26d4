import { describe, expect, it } from 'vitest';
import { podsOf } from './addresses.ts';
import type { ReplayRow } from './check-replay.ts';
import { attachPod, outsideSetup, podCable, podSetup } from './layout.ts';
import { worldForRows } from './replay.ts';

describe('the world as text', () => {
  it('treats the two families of an address as one pod', () => {
    expect(podsOf(['10.244.1.9', 'fd00:10:244:1::9', '10.244.1.10'])).toEqual([
      { name: 'pod-10', addresses: ['10.244.1.10'] },
      { name: 'pod-9', addresses: ['10.244.1.9', 'fd00:10:244:1::9'] },
    ]);
  });

  it('keeps interface names within the 15 characters of the kernel', () => {
    const line = podCable('node', 'pod', 0xffff);
    expect(line).toBe('link add vethffff netns node type veth peer name eth0 netns pod');
  });

  it('gives a pod host routes on the node and host addresses in the pod', () => {
    const pod = { name: 'pod-9', addresses: ['10.244.1.9', 'fd00:10:244:1::9'] };
    expect(attachPod(pod, 3)).toEqual([
      'link set veth3 master cni0 up',
      'route add 10.244.1.9/32 dev cni0',
      'route add fd00:10:244:1::9/128 dev cni0',
    ]);
    expect(podSetup('ns', pod).ip).toContain('addr add fd00:10:244:1::9/128 dev eth0 nodad');
  });

  it('sends traffic between two external hosts through the node', () => {
    const setup = outsideSetup('ns', ['198.51.100.7']);
    const rules = ['rule add pref 10 iif eth0 lookup local', 'rule del pref 0'];
    expect(setup.ip.slice(-2)).toEqual(rules);
    expect(setup.ip6).toEqual(rules);
  });
});

function row(entry: ReplayRow['entry'], source: string, ...destinations: string[]): ReplayRow {
  return {
    entry,
    sticky: false,
    packet: { protocol: 'TCP', source, inInterface: null, destination: '10.96.0.10', destinationPort: 80 },
    expected: {
      kind: 'forward',
      destinations: destinations.map((address) => ({ address, port: 8080, masquerade: false })),
    },
  };
}

describe('worldForRows', () => {
  it('places every source where its packet enters and every endpoint where it runs', () => {
    const rows = [
      row('pod', '10.200.0.3', '10.244.1.5', '10.244.2.7'),
      row('outside', '198.51.100.7', '10.244.1.5', '192.0.2.10'),
      row('node', '192.0.2.11', '10.244.3.8'),
    ];
    expect(worldForRows(rows, ['10.244.1.6'])).toEqual({
      pods: [
        { name: 'pod-3', addresses: ['10.200.0.3'] },
        { name: 'pod-5', addresses: ['10.244.1.5'] },
        { name: 'pod-6', addresses: ['10.244.1.6'] },
      ],
      outside: ['10.244.2.7', '10.244.3.8', '198.51.100.7'],
    });
  });
});
