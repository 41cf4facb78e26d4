import { backendError, type BackendError } from '@signalbox/core';
import type { HcnReply } from '../objects/hcn-call.ts';
import { formatHresult, meaningOf } from '../objects/hresult.ts';

/** `10.96.0.10:80/tcp: the port is taken by … (0x803b0013)`; the error record goes to `detail`. */
export function hcnError(reply: HcnReply, culprit: string): BackendError {
  const { code, text } = meaningOf(reply.hresult);
  const message = `${culprit}: ${text} (${formatHresult(reply.hresult)})`;
  const more = reply.record === '' ? {} : { detail: reply.record };
  return backendError(code, reply.call, message, {
    kernel: code === 'unavailable' ? 'unknown' : 'unchanged',
    ...more,
  });
}
