import { sampleServicePort } from '@signalbox/backend-kit/testing';
import { describe, expect, it } from 'vitest';
import { clientsInTemplates } from './affinity-clients.ts';

const v4 = sampleServicePort('IPv4', { endpoints: 2, affinitySeconds: 600, exposed: 'cluster' });
const v6 = sampleServicePort('IPv6', { endpoints: 2, affinitySeconds: 600 });

const HEADER = 'Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData\n';

describe('persistence templates of IPVS', () => {
  it('are clients of the Service and its endpoint, at a cluster IP and at a node port', () => {
    const nodePort = v4.frontends.find(({ kind }) => kind === 'node-port')?.port ?? 0;
    const port = nodePort.toString(16).toUpperCase().padStart(4, '0');
    const text = `${HEADER}TCP 0AF40109 0000 0A600000 0050 0AF40000 1F90 ASSURED         540
TCP C6336407 0000 C000020A ${port} 0AF40001 1F90 NONE            900
`;
    const found = clientsInTemplates(text, [v4]);
    expect(found.map(({ client, endpoint, remaining }) => [client, endpoint.address, remaining])).toEqual([
      ['10.244.1.9', '10.244.0.0', 540_000],
      ['198.51.100.7', '10.244.0.1', 600_000],
    ]);
  });

  it('are read in IPv6, too', () => {
    const [endpoint] = v6.clusterEndpoints;
    const [frontend] = v6.frontends;
    const full = (address: string): string => {
      const [left = '', right = ''] = address.split('::');
      const groups = [left, right].map((half) => half.split(':').filter((group) => group !== ''));
      const zeros = Array.from({ length: 8 - groups.flat().length }, () => '0');
      return [...(groups[0] ?? []), ...zeros, ...(groups[1] ?? [])]
        .map((group) => group.padStart(4, '0'))
        .join(':');
    };
    const to = frontend !== undefined && 'address' in frontend ? full(frontend.address) : '';
    const text = `${HEADER}TCP fd00:0010:0244:0001:0000:0000:0000:0009 0000 ${to} 0050 ${full(endpoint?.address ?? '')} 1F90 NONE  7\n`;
    expect(clientsInTemplates(text, [v6])).toEqual([
      { servicePort: v6.name, endpoint, client: 'fd00:10:244:1::9', remaining: 7000 },
    ]);
  });

  it.each([
    ['connections', 'TCP 0AF40109 C350 0A600000 0050 0AF40000 1F90 ESTABLISHED     540'],
    ['templates of another endpoint', 'TCP 0AF40109 0000 0A600000 0050 0AF40099 1F90 NONE            540'],
    ['templates of another protocol', 'UDP 0AF40109 0000 0A600000 0050 0AF40000 1F90 NONE            540'],
    ['templates of another frontend', 'TCP 0AF40109 0000 0A600063 0051 0AF40000 1F90 NONE            540'],
  ])('are not: %s', (_, line) => {
    expect(clientsInTemplates(`${HEADER}${line}\n`, [v4])).toEqual([]);
  });
});
