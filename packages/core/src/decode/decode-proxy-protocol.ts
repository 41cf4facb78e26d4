import { PROXY_PROTOCOLS, PROXY_PROTOCOL_ANNOTATION, type ProxyProtocol } from '../model/proxy-protocol.ts';
import { readWord, type WordAnnotation } from './annotations.ts';
import type { Fields, ProblemLog } from './reader.ts';

const ANNOTATION: WordAnnotation<ProxyProtocol> = {
  name: PROXY_PROTOCOL_ANNOTATION,
  words: PROXY_PROTOCOLS,
  reason: `must be ${PROXY_PROTOCOLS.join(' or ')}: connections to endpoints have no header`,
};

/** An invalid value is reported. `null`: endpoints do not get the address of the client. */
export function decodeProxyProtocol(metadata: Fields, log: ProblemLog): ProxyProtocol | null {
  return readWord(metadata, ANNOTATION, log);
}
