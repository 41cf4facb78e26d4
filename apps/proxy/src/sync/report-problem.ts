/** Problems of single objects, in the log and, where the API server does not check the field, as an Event. */
import { formatInputProblem, type InputProblem } from '@signalbox/core';
import type { Events } from '../compose/composition.ts';
import type { Logger } from '../logging/logger.ts';
import { warnService } from './service-warning.ts';

export interface ProblemReport {
  readonly logger: Logger;
  readonly events: Events;
}

/** `origin`: where the object was read, if not from an API server. */
export function reportProblem(
  { logger, events }: ProblemReport,
  problem: InputProblem,
  origin: { readonly origin?: string } = {},
): void {
  const note = formatInputProblem(problem);
  logger.warning(note, origin);
  if (!UNCHECKED.test(problem.field)) return;
  const { resource, object, service = resource === 'Service' ? object : null } = problem;
  if (service === null) return;
  warnService(events, { service, reason: 'InvalidAnnotation', note });
}

/** Fields whose values are valid for the API server, which accepts every annotation and has no proxy mode. */
const UNCHECKED = /^(metadata\.annotations|spec\.externalFailoverPolicy)/;
