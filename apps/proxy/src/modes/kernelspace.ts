/** Windows: backends over HNS. Loaded only where it is asked for. */
import { familyOf, formatBackendError, NOTHING_DONE, type Backend, type Family } from '@signalbox/core';
import type { HcnApi, HcnRequest } from '@signalbox/backend-winvfp';
import { parseAddressPort, isUnspecified } from '../config/ip.ts';
import { lazyBackend } from './lazy-backend.ts';
import type { FamilySupport, ModeSettings, NodeFacts, ProxyMode } from './proxy-mode.ts';

export const KERNELSPACE: ProxyMode = {
  name: 'kernelspace',
  platform: 'windows',
  configuration: {
    periods: 'iptables',
    periodFlags: 'iptables',
    masquerade: 'iptables',
    applyDefaults: ({ winkernel }) => {
      winkernel.rootHnsEndpointName ||= 'cbr0';
    },
    localhostNodePorts: () => false,
  },
  flows: 'own',
  ignoresSourceRanges: true,
  // HNS can only forward: see packages/backend-winvfp/src/compile/no-endpoints.ts.
  externalFailovers: ['cluster', 'passthrough'],
  metrics: ['load-balancers'],
  unusedClusterIPs: { port: 'pass', address: 'pass' },
  probe: probeKernelspace,
  sysctls: () => Promise.resolve([]),
  createBackend: (settings, family, facts) => Promise.resolve(kernelspaceBackend(settings, family, facts)),
  cleaners: () => [],
};

const load = () => import('@signalbox/backend-winvfp');

/** The HNS network: from the configuration, else the environment that CNI set-ups use. */
export function networkNameOf({ config }: Pick<ModeSettings, 'config'>): string {
  return config.winkernel.networkName || (process.env['KUBE_NETWORK'] ?? '');
}

async function probeKernelspace(settings: ModeSettings): Promise<FamilySupport> {
  const { createEdgeHcn, noDsr, probeHns } = await load();
  const network = networkNameOf(settings);
  if (network === '') {
    return {
      families: [],
      reasons: ['no HNS network: set --network-name or the environment variable KUBE_NETWORK'],
    };
  }
  const opened = createEdgeHcn();
  if (!opened.ok) return { families: [], reasons: [formatBackendError(opened.error)] };
  const answer = await probeHns(opened.value, network, primaryOf(settings));
  if (!answer.ok) return { families: [], reasons: [formatBackendError(answer.error)] };
  const { families, features, version } = answer.value;
  if (settings.config.winkernel.enableDSR && !features.dsr)
    return { families: [], reasons: [noDsr(version)] };
  return { families, reasons: [] };
}

function primaryOf({ config: { bindAddress } }: ModeSettings): Family {
  return isUnspecified(bindAddress) ? 'IPv4' : familyOf(bindAddress);
}

/** The node's address: as it is now, and where it is gone the one it had. */
export function nodeAddressOf(facts: NodeFacts, family: Family): () => string {
  let last = '';
  return () => {
    last = facts.nodeIP(family) ?? last;
    return last;
  };
}

/** `list` and `hns` read. */
export function measuredHcn(hcn: HcnApi, { measureWrite }: Pick<NodeFacts, 'measureWrite'>): HcnApi {
  if (measureWrite === undefined) return hcn;
  const isRead = ({ op }: HcnRequest): boolean => op === 'list' || op === 'hns';
  return {
    call: (request) => (isRead(request) ? hcn.call(request) : measureWrite(() => hcn.call(request))),
  };
}

/** Made at the first sync, which is when edge-js is needed. */
function kernelspaceBackend(settings: ModeSettings, family: Family, facts: NodeFacts): Backend {
  return lazyBackend({
    mode: 'kernelspace',
    family,
    create: async () => {
      const { createEdgeHcn, createWinvfpBackend, findHostMac } = await load();
      const opened = createEdgeHcn();
      if (!opened.ok) return opened.error;
      const { winkernel, healthzBindAddress } = settings.config;
      const health = parseAddressPort(healthzBindAddress);
      return createWinvfpBackend({
        family,
        primary: primaryOf(settings),
        hcn: measuredHcn(opened.value, facts),
        networkName: networkNameOf(settings),
        sourceVip: winkernel.sourceVip,
        enableDSR: winkernel.enableDSR,
        rootHnsEndpointName: winkernel.rootHnsEndpointName,
        forwardHealthCheckVip: winkernel.forwardHealthCheckVip,
        // Only overlay networks need them, and there the backend reports their absence: a node of one family serves the other too.
        nodeIP: nodeAddressOf(facts, family),
        hostMac: findHostMac,
        ...(typeof health === 'string' ? {} : { healthzPort: health.port }),
      });
    },
    nothing: NOTHING_DONE,
  });
}
