import { joinText } from '@signalbox/backend-kit';
import type { Frontend, ServicePortName } from '@signalbox/core';
import type { NftProtocol } from '../objects/rule.ts';

export function protocolOf({ protocol }: ServicePortName): NftProtocol {
  return protocol.toLowerCase() as NftProtocol;
}

/** Key of the frontend in verdict maps: `10.96.0.10 . tcp . 80`, or `tcp . 30080` for a node port. */
export function frontendKey(frontend: Frontend, name: ServicePortName): string {
  const portPart = [protocolOf(name), ' . ', frontend.port];
  return joinText(frontend.kind === 'node-port' ? portPart : [frontend.address, ' . ', ...portPart]);
}
