import { backendError, type ServiceFailure } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import type { ProxyEvent } from '../compose/composition.ts';
import { createRefusalReporter } from './refusal-reporter.ts';

function refused(key: string, message = 'no such scheduler'): ServiceFailure {
  return { key, error: backendError('rejected', 'IPVS_CMD_NEW_SERVICE', message, { detail: 'more' }) };
}

function world() {
  const events: ProxyEvent[] = [];
  const reporter = createRefusalReporter('IPv4', { record: (event) => void events.push(event) });
  const notes = (): readonly string[] => events.map(({ note }) => note);
  return { events, notes, synced: reporter.synced };
}

const NOTE = 'shop/web:http/TCP IPv4: IPVS_CMD_NEW_SERVICE: no such scheduler (rejected)';

describe('Events of service ports that the kernel refused', () => {
  it('F137: refer to the Service, with port, family and the error on one line', () => {
    const { events, synced } = world();
    synced([refused('shop/web:http/TCP')]);
    expect(events).toEqual([
      {
        type: 'Warning',
        reason: 'FailedToProgramServicePort',
        action: 'SyncProxyRules',
        note: NOTE,
        service: { namespace: 'shop', name: 'web' },
      },
    ]);
  });

  it('are recorded once while retries fail, whatever the error of each', () => {
    const { notes, synced } = world();
    synced([refused('shop/web:http/TCP')]);
    synced([refused('shop/web:http/TCP', 'line 17 failed'), refused('shop/api:/UDP')]);
    synced([refused('shop/web:http/TCP', 'line 18 failed'), refused('shop/api:/UDP')]);
    expect(notes()).toEqual([NOTE, NOTE.replace('shop/web:http/TCP', 'shop/api:/UDP')]);
  });

  it('are recorded again after a sync that programmed the port', () => {
    const { notes, synced } = world();
    synced([refused('shop/web:http/TCP')]);
    synced([]);
    synced([refused('shop/web:http/TCP')]);
    expect(notes()).toEqual([NOTE, NOTE]);
  });

  it('are not recorded for objects that do not belong to one service port', () => {
    const { events, synced } = world();
    synced([refused('interface kube-ipvs0')]);
    expect(events).toEqual([]);
  });
});
