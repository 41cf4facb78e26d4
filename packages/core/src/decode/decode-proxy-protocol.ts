import { PROXY_PROTOCOLS, PROXY_PROTOCOL_ANNOTATION, type ProxyProtocol } from '../model/proxy-protocol.ts';
import { fields, type Fields, type ProblemLog } from './reader.ts';

/** An invalid value is reported. `null`: endpoints do not get the address of the client. */
export function decodeProxyProtocol(metadata: Fields, log: ProblemLog): ProxyProtocol | null {
  const value = fields(metadata['annotations'])[PROXY_PROTOCOL_ANNOTATION] ?? null;
  const found = PROXY_PROTOCOLS.find((version) => version === value);
  if (found !== undefined || value === null) return found ?? null;
  const reason = `must be ${PROXY_PROTOCOLS.join(' or ')}: connections to endpoints have no header`;
  log.add(`metadata.annotations[${PROXY_PROTOCOL_ANNOTATION}]`, value, reason);
  return null;
}
