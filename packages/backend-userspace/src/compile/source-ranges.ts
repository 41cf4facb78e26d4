/**
 * What happens to connections that no route serves: sources outside of `loadBalancerSourceRanges`, and policy Local without a
 * local endpoint. By then the kernel has accepted the TCP connection: it is reset, not dropped. Datagrams are dropped.
 */
import type { Listener } from '../objects/listener.ts';

export function refusalOf({ protocol }: Pick<Listener, 'protocol'>): 'reset' | 'silence' {
  return protocol === 'TCP' ? 'reset' : 'silence';
}
