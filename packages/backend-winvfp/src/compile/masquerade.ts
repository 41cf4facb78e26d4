/**
 * The source address that the endpoint sees. With direct server return that of the client; without it an address of this host: on
 * overlay networks the source VIP, elsewhere the address of the node, which HNS determines itself.
 */
import type { DesiredEndpoint } from '@signalbox/core';
import { LOAD_BALANCER_FLAGS } from '../objects/hcn-documents.ts';
import type { CompileContext } from '../objects/desired.ts';
import { providerAddressOf } from './remote-endpoints.ts';

/** The kind of frontend, and whether its endpoints are those of this node only. */
export interface ReturnPath {
  readonly clusterIP: boolean;
  readonly localOnly: boolean;
}

export function dsrFlag(path: ReturnPath, context: CompileContext): number {
  if (!context.features.dsr) return LOAD_BALANCER_FLAGS.none;
  const desired = path.clusterIP ? context.enableDSR : path.localOnly;
  return desired ? LOAD_BALANCER_FLAGS.dsr : LOAD_BALANCER_FLAGS.none;
}

/**
 * Overlay: only pods that the overlay reaches can reply to the source VIP; an endpoint that is a node's
 * own address, or that lies in no known subnet, must see the node's address.
 */
export function sourceVipOf(endpoints: readonly DesiredEndpoint[], context: CompileContext): string {
  if (!context.network.overlay) return '';
  const outside = endpoints.some((endpoint) => {
    if (endpoint.isLocal) return false;
    const provider = providerAddressOf(endpoint.address, context);
    return provider === null || provider === endpoint.address;
  });
  return outside ? context.nodeIP : context.sourceVip;
}
