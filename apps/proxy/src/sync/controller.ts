/** Carries objects from the source into the model, and asks the sync loops to run. Holds no rule of its own. */
import {
  type Clock,
  type Family,
  type Model,
  type NodeView,
  type ObjectEvent,
  type Resource,
  type Source,
  type SourceHandlers,
} from '@signalbox/core';
import type { Events } from '../compose/composition.ts';
import type { Logger } from '../logging/logger.ts';
import type { ChangeTraces } from '../tracing/change-traces.ts';
import { createConflictReporter } from './conflict-reporter.ts';
import { reportProblem } from './report-problem.ts';

export interface ControllerOptions {
  readonly model: Model;
  readonly source: Source;
  readonly families: readonly Family[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly events: Events;
  /** Something waits for this family's loop. */
  readonly request: (family: Family, reason: string) => void;
  /** The first complete set of a resource is in the model. */
  readonly onSynced: (resource: Resource) => void;
  /** After each event of a Node. */
  readonly onNode: (view: NodeView) => void;
  /** For metrics: changes that were just applied. */
  readonly onEvents: (events: readonly ObjectEvent[]) => void;
  /** For traces; `null`: off. */
  readonly tracing?: Pick<ChangeTraces, 'arrived' | 'changed'> | null;
}

export interface Controller {
  start(): void;
  stop(): Promise<void>;
}

export function createController(options: ControllerOptions): Controller {
  const { source, logger } = options;
  const conflicts = createConflictReporter(options);
  const handlers: SourceHandlers = {
    onEvents: (events) => {
      takeEvents(options, events);
      conflicts.changed();
    },
    onSynced: (resource) => {
      logger.debug(2, 'Received the first complete list', { resource });
      options.onSynced(resource);
    },
    onProblem: ({ code, message }) => logger.warning(message, { code }),
  };
  const stop = (): Promise<void> => {
    conflicts.stop();
    return source.stop();
  };
  return { start: () => source.start(handlers), stop };
}

function takeEvents(options: ControllerOptions, events: readonly ObjectEvent[]): void {
  const { model, families, logger, tracing } = options;
  tracing?.arrived();
  for (const event of events) takeEvent(options, event);
  logger.debug(4, 'Applied object changes', { events: events.length });
  options.onEvents(events);
  for (const family of families) {
    if (!model.hasPending(family)) continue;
    tracing?.changed(family, events.length);
    options.request(family, 'change');
  }
}

/** A defect of Signalbox that one object triggers must not stop the others. */
function takeEvent(options: ControllerOptions, event: ObjectEvent): void {
  const { model, logger, onNode } = options;
  try {
    const origin = event.type === 'upsert' && event.origin !== undefined ? { origin: event.origin } : {};
    for (const problem of model.apply(event)) reportProblem(options, problem, origin);
    if (event.resource === 'Node') onNode(model.node());
  } catch (error) {
    logger.error('Failed to apply an event of the source', { err: error, resource: event.resource });
  }
}
