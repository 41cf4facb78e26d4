/** Reports each problem once, and its end. */
import type { SourceProblem } from '@signalbox/core';

import type { ApiError } from '../http/api-error.ts';
import type { Contact } from './contact.ts';

export interface ProblemReporter {
  report(error: ApiError): void;
  /** The server responds again. */
  readonly recovered: (server: string) => void;
}

export interface ReporterOptions {
  readonly plural: string;
  readonly contact: Pick<Contact, 'failed'>;
  readonly onProblem: (problem: SourceProblem) => void;
  readonly log: (line: string) => void;
}

export function createProblemReporter({ plural, contact, onProblem, log }: ReporterOptions): ProblemReporter {
  let reported = '';
  return {
    report(error) {
      const { code, message } = error;
      if (code === 'aborted') return;
      contact.failed(error);
      // The code alone: for an unreachable server, the reason may change with every attempt.
      if (code === reported) return;
      reported = code;
      onProblem({
        code,
        message: `${plural}: ${message}; the objects received before stay in use; retrying`,
      });
    },
    recovered(server) {
      if (reported !== '') log(`${plural}: ${server} responds again`);
      reported = '';
    },
  };
}
