/**
 * A service without Kubernetes: one address, two endpoints, programmed with iptables.
 *
 *     npm run example -- iptables-by-hand                       # on a fake kernel
 *     unshare -n npm run example -- iptables-by-hand --kernel   # on this one
 */
import { argv } from 'node:process';
import { pathToFileURL } from 'node:url';
import { createExecDriver, createIptablesBackend, type IptablesDriver } from '@signalbox/backend-iptables';
import { createFakeIptables } from '@signalbox/iptables/testing';
import { fullChange, servicePortKey, type DesiredServicePort, type DesiredState } from '@signalbox/core';

const endpoints = ['10.244.1.5', '10.244.2.7'].map((address) => ({ address, port: 8080, isLocal: false }));
const name = { namespace: 'by-hand', name: 'web', port: '', protocol: 'TCP' } as const;

const web: DesiredServicePort = {
  key: servicePortKey(name),
  name,
  frontends: [
    {
      kind: 'cluster-ip',
      address: '10.96.0.10',
      port: 80,
      policy: 'cluster',
      routes: [{ source: 'any', target: 'cluster', masquerade: true, rule: 'by hand' }],
    },
  ],
  clusterEndpoints: endpoints,
  localEndpoints: [],
  servingEndpoints: endpoints,
  affinity: null,
  windows: { preserveDestination: false, updateInPlace: true },
};

const state: DesiredState = {
  family: 'IPv4',
  node: {
    name: 'this-node',
    localDetector: { kind: 'none' },
    clusterIPMasquerade: 'none',
    nodePortAddresses: { kind: 'ranges', cidrs: [], loopback: false },
    nodePortIPs: [],
    serviceCIDRs: [],
  },
  servicePorts: new Map([[web.key, web]]),
  healthChecks: new Map(),
  counts: { servicePorts: 1, endpoints: 2, noLocalEndpointsInternal: 0, noLocalEndpointsExternal: 0 },
};

/** Programs the service; answers with what iptables-save prints then. */
export async function programByHand(driver: IptablesDriver): Promise<string> {
  const backend = createIptablesBackend({ family: 'IPv4', driver });
  const result = await backend.sync(fullChange(state));
  if (result.outcome !== 'ok') throw new Error(result.error?.message ?? 'some services failed');
  const lines: string[] = [];
  const saved = await driver.save((line) => lines.push(line));
  await backend.close();
  if (!saved.ok) throw new Error(saved.error.message);
  return lines.join('\n');
}

if (import.meta.url === pathToFileURL(argv[1] ?? '').href) {
  const driver = argv.includes('--kernel')
    ? createExecDriver({ family: 'IPv4' })
    : createFakeIptables({ family: 'IPv4' }).driver;
  console.log(await programByHand(driver));
}
