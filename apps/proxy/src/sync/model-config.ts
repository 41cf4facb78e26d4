import { SERVICE_DEVICES } from '@signalbox/backend-kit';
import type { LocalDetection, ModelConfig } from '@signalbox/core';
import { isUnspecified } from '../config/ip.ts';
import { effective } from '../config/effective.ts';
import { createFeatureGates } from '../config/feature-gates.ts';
import type { Settings } from '../config/settings.ts';
import type { KubeProxyConfiguration } from '../config/types.ts';

/** The part of the settings that decides about services. */
export function modelConfig(settings: Settings): ModelConfig {
  const { config, mode, nodeName } = settings;
  return {
    nodeName,
    localDetection: localDetection(config),
    masqueradeAll: effective(settings).masqueradeAll,
    nodePortAddresses: config.nodePortAddresses,
    localhostNodePorts: mode.configuration.localhostNodePorts(config),
    loopbackSockets: mode.localNodePorts?.isEnabled(config) === true,
    externalIPs: createFeatureGates(config.featureGates).enabled('AllowServiceExternalIPs'),
    ...(mode.externalFailovers === undefined ? {} : { externalFailovers: mode.externalFailovers }),
    // Until they are cleaned up, those of other modes may be there too.
    serviceDevices: SERVICE_DEVICES,
    nodeIPOverride: isUnspecified(config.bindAddress) ? null : config.bindAddress,
  };
}

function localDetection(config: KubeProxyConfiguration): LocalDetection {
  const { bridgeInterface, interfaceNamePrefix } = config.detectLocal;
  if (config.detectLocalMode === 'NodeCIDR') return { mode: 'NodeCIDR' };
  if (config.detectLocalMode === 'BridgeInterface') return { mode: 'BridgeInterface', name: bridgeInterface };
  if (config.detectLocalMode === 'InterfaceNamePrefix') {
    return { mode: 'InterfaceNamePrefix', prefix: interfaceNamePrefix };
  }
  return { mode: 'ClusterCIDR', cidrs: config.clusterCIDR === '' ? [] : config.clusterCIDR.split(',') };
}
