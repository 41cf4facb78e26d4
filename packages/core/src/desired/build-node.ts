import { parseCidr } from '../model/cidr.ts';
import type { Family } from '../model/family.ts';
import { EXTERNAL_FAILOVERS } from '../model/service-policy.ts';
import type { InterfaceAddress } from '../input.ts';
import type { ModelConfig, NodeView } from '../model/model-config.ts';
import type { FamilyContext } from './family-context.ts';
import type { DesiredNode } from './desired-state.ts';
import { clusterIPMasquerade, localDetector } from './masquerade.ts';
import { namesLoopback, nodePortAddresses, nodePortIPs } from './node-ports.ts';

/** Everything about this node that is not a service. */
export interface Surroundings {
  readonly config: ModelConfig;
  readonly node: NodeView;
  readonly interfaces: readonly InterfaceAddress[];
  /** Both families. */
  readonly serviceCIDRs: readonly string[];
}

/** The node as backends receive it, and the input from which service ports are built. */
export interface BuiltNode {
  readonly node: DesiredNode;
  readonly context: FamilyContext;
}

export function buildNode(surroundings: Surroundings, family: Family): BuiltNode {
  const { config, node, interfaces, serviceCIDRs } = surroundings;
  const nodeIP = node.ips[family] ?? null;
  const { serviceDevices = [] } = config;
  const ofNode = interfaces.filter((item) => !serviceDevices.includes(item.interface));
  const detector = localDetector(config.localDetection, node.podCIDRs, family);
  const masquerade = clusterIPMasquerade(config, detector);
  const { nodePortAddresses: wanted, localhostNodePorts } = config;
  const allowed = nodePortAddresses({ family, nodePortAddresses: wanted, localhostNodePorts, nodeIP });
  return {
    node: {
      name: config.nodeName,
      localDetector: detector,
      clusterIPMasquerade: masquerade,
      nodePortAddresses: allowed,
      nodePortIPs: nodePortIPs(ofNode, family, allowed),
      ...(config.loopbackSockets === true && namesLoopback(wanted, family) ? { loopbackSockets: true } : {}),
      serviceCIDRs: serviceCIDRs.filter((text) => parseCidr(text)?.family === family),
    },
    context: {
      family,
      location: { name: config.nodeName, zone: node.zone },
      clusterIPMasquerade: masquerade,
      detection: detector.kind === 'none' ? 'undetected' : 'detected',
      externalIPs: config.externalIPs ? 'served' : 'ignored',
      externalFailovers: config.externalFailovers ?? EXTERNAL_FAILOVERS,
      nodeIP,
    },
  };
}
