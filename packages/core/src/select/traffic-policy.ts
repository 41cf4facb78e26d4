import type { TrafficPolicy } from '../model/service-policy.ts';
import type { ServiceAddresses, ServiceModel, ServicePortModel } from '../model/service.ts';

/** Which sets of endpoints a service port needs: S4. */
export interface PolicyUse {
  readonly internal: TrafficPolicy;
  readonly external: TrafficPolicy;
  readonly cluster: boolean;
  readonly local: boolean;
}

/** S3. */
function isExternallyAccessible(port: ServicePortModel, addresses: ServiceAddresses): boolean {
  return port.nodePort !== 0 || addresses.loadBalancerIPs.length > 0 || addresses.externalIPs.length > 0;
}

export function policyUse(
  service: ServiceModel,
  port: ServicePortModel,
  addresses: ServiceAddresses,
): PolicyUse {
  const external = isExternallyAccessible(port, addresses);
  return {
    internal: service.internalPolicy,
    external: service.externalPolicy,
    cluster: service.internalPolicy !== 'local' || external,
    local: service.internalPolicy === 'local' || (service.externalPolicy === 'local' && external),
  };
}
