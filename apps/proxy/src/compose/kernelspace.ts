/** Windows: backends over HNS, and this process as a Windows service. Loaded only where it is asked for. */
import { familyOf, formatBackendError, NOTHING_DONE, type Backend, type Family } from '@signalbox/core';
import { parseAddressPort, isUnspecified } from '../config/ip.ts';
import type { Settings } from '../config/settings.ts';
import type { Services } from '../commands/service.ts';
import type { FamilySupport, NodeFacts, ServiceControl } from './composition.ts';
import { lazyBackend } from './lazy-backend.ts';

const load = () => import('@signalbox/backend-winvfp');

/** The HNS network: from the configuration, else the environment that CNI set-ups use. */
export function networkNameOf({ config }: Settings): string {
  return config.winkernel.networkName || (process.env['KUBE_NETWORK'] ?? '');
}

export async function probeKernelspace(settings: Settings): Promise<FamilySupport> {
  const { createEdgeHcn, noDsr, probeHns } = await load();
  const network = networkNameOf(settings);
  if (network === '') {
    return {
      families: [],
      reasons: ['no HNS network: set --network-name or the environment variable KUBE_NETWORK'],
    };
  }
  const opened = createEdgeHcn();
  if ('error' in opened) return { families: [], reasons: [formatBackendError(opened.error)] };
  const answer = await probeHns(opened.hcn, network, primaryOf(settings));
  if ('error' in answer) return { families: [], reasons: [formatBackendError(answer.error)] };
  const { families, features, version } = answer.probe;
  if (settings.config.winkernel.enableDSR && !features.dsr)
    return { families: [], reasons: [noDsr(version)] };
  return { families, reasons: [] };
}

function primaryOf({ config: { bindAddress } }: Settings): Family {
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

/** Made at the first sync, which is when edge-js is needed. */
export function kernelspaceBackend(settings: Settings, family: Family, facts: NodeFacts): Backend {
  return lazyBackend({
    mode: 'kernelspace',
    family,
    create: async () => {
      const { createEdgeHcn, createWinvfpBackend, findHostMac } = await load();
      const opened = createEdgeHcn();
      if ('error' in opened) return opened.error;
      const { winkernel, healthzBindAddress } = settings.config;
      const health = parseAddressPort(healthzBindAddress);
      return createWinvfpBackend({
        family,
        primary: primaryOf(settings),
        hcn: opened.hcn,
        networkName: networkNameOf(settings),
        sourceVip: winkernel.sourceVip,
        enableDSR: winkernel.enableDSR,
        rootHnsEndpointName: winkernel.rootHnsEndpointName,
        forwardHealthCheckVip: winkernel.forwardHealthCheckVip,
        // Only overlay networks need them, and there the backend says so: a node of one family serves the other too.
        nodeIP: nodeAddressOf(facts, family),
        hostMac: findHostMac,
        ...(typeof health === 'string' ? {} : { healthzPort: health.port }),
      });
    },
    nothing: NOTHING_DONE,
  });
}

/**
 * Whether to run as a Windows service: by flag, which counts beside a file too since the service is installed with both,
 * or by field. A file may be shared with nodes of another system, where the field has no effect.
 */
export function wantsWindowsService(
  { given, config }: Settings,
  platform: NodeJS.Platform,
): boolean | string {
  const flag = given.get('windows-service') === true;
  if (platform !== 'win32') return flag ? '--windows-service: only on Windows' : false;
  return flag || config.windowsRunAsService;
}

export async function startWindowsService(settings: Settings): Promise<ServiceControl | string | null> {
  const wanted = wantsWindowsService(settings, process.platform);
  if (typeof wanted === 'string') return wanted;
  if (!wanted) return null;
  const { createWindowsService, loadNativeLayer } = await load();
  const loaded = loadNativeLayer();
  if ('error' in loaded) return formatBackendError(loaded.error);
  const started = await createWindowsService(loaded.layer);
  if ('error' in started) return formatBackendError(started.error);
  const { service } = started;
  return { stopRequested: service.stopRequested, finish: (status) => service.finish(status) };
}

/** `null`: this is no Windows. */
export async function windowsServices(): Promise<Services | null> {
  if (process.platform !== 'win32') return null;
  const { createServiceManager } = await load();
  const manager = createServiceManager();
  return {
    install: (installation) => manager.install(installation),
    uninstall: () => manager.uninstall(),
    status: () => manager.status(),
  };
}
