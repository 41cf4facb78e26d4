import { createManualClock } from '@signalbox/core/testing';
import { describe, expect, it } from 'vitest';

import { apiError } from '../http/api-error.ts';
import { createContact } from './contact.ts';
import { createProblemReporter } from './problem-reporter.ts';

function start() {
  const reported: string[] = [];
  const contact = createContact('Service', createManualClock());
  const reporter = createProblemReporter({
    plural: 'services',
    contact,
    onProblem: ({ code }) => reported.push(code),
    log: (line) => reported.push(line),
  });
  return { reported, reporter, contact };
}

describe('createProblemReporter', () => {
  it('reports a problem once, its end once, and the same problem again after that', () => {
    const { reported, reporter } = start();
    for (let round = 0; round < 2; round++) {
      for (const reason of ['first', 'second']) reporter.report(apiError('server-error', reason));
      for (let turn = 0; turn < 2; turn++) reporter.recovered('https://a');
    }
    const round = ['server-error', 'services: https://a responds again'];
    expect(reported).toEqual([...round, ...round]);
  });

  it('reports each kind of problem in sequence, but not an abort', () => {
    const { reported, reporter } = start();
    for (const code of ['stalled', 'aborted', 'stalled', 'connection-lost', 'stalled'] as const) {
      reporter.report(apiError(code, 'why'));
    }
    expect(reported).toEqual(['stalled', 'connection-lost', 'stalled']);
  });

  it('leaves the last error in the connection until there is an answer, one that was reported before too', () => {
    const { reporter, contact } = start();
    for (const reason of ['first', 'second']) reporter.report(apiError('server-error', reason));
    reporter.report(apiError('aborted', 'stopped'));
    expect(contact.connection()).toEqual({ resource: 'Service', lastContact: null, error: 'second' });
    contact.made();
    expect(contact.connection()).toMatchObject({ error: null, lastContact: expect.any(Number) });
  });
});
