import type { Events } from '../compose/composition.ts';

export interface ServiceWarning {
  /** `namespace/name`. */
  readonly service: string;
  readonly reason: string;
  readonly note: string;
}

/** An Event on a Service that is not served as its fields or annotations require. */
export function warnService(events: Events, { service, reason, note }: ServiceWarning): void {
  const [namespace = '', name = ''] = service.split('/');
  events.record({
    type: 'Warning',
    reason,
    action: 'SyncProxyRules',
    note,
    service: { namespace, name },
  });
}
