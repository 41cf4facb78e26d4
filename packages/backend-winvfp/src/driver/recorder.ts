import type { HcnReply, HcnRequest } from '../objects/hcn-call.ts';
import type { HcnApi } from './hcn-api.ts';

/** One call to HNS and its reply. */
export interface RecordedCall {
  readonly request: HcnRequest;
  readonly reply: HcnReply;
}

/** An `HcnApi` that also keeps the calls made through it. */
export interface HcnRecorder extends HcnApi {
  /** In the order the replies came. */
  readonly calls: readonly RecordedCall[];
  /** The calls since the last `take`. */
  take(): readonly RecordedCall[];
}

/** Records every call and its reply: for tests, and to inspect the calls to HNS on a node. */
export function recordHcn(api: HcnApi): HcnRecorder {
  const calls: RecordedCall[] = [];
  return {
    calls,
    take: () => calls.splice(0),
    async call(request) {
      const reply = await api.call(request);
      calls.push({ request, reply });
      return reply;
    },
  };
}
