/** The only interface to HNS. Implementations: `createEdgeHcn` (Windows), a simulator for tests, a recorder around either. */
import { encodeRequest } from '../encode/request.ts';
import { failedReply, parseReply } from '../encode/reply.ts';
import type { HcnReply, HcnRequest } from '../objects/hcn-call.ts';

/** Calls to HNS, one request and one reply each. */
export interface HcnApi {
  /** Never rejects: a failure to reach HNS is a reply with an HRESULT. Calls may overlap; HNS sees one at a time. */
  call(request: HcnRequest): Promise<HcnReply>;
}

/** From the native layer's one function: JSON text in, JSON text out. */
export function hcnApiOf(invoke: (request: string) => Promise<string>): HcnApi {
  return {
    async call(request) {
      try {
        return parseReply(await invoke(encodeRequest(request)));
      } catch (error) {
        return failedReply('Invoke', error instanceof Error ? error.message : String(error));
      }
    },
  };
}
