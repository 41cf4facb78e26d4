import type { Source, SourceHandlers } from '@signalbox/core';

type Call = (handlers: SourceHandlers) => void;

/**
 * Starts a source at once and keeps its events until there is a handler: the first lists are on their way while
 * the node is still being looked at.
 */
export function startEarly(source: Source): Source {
  let listener: SourceHandlers | null = null;
  const waiting: Call[] = [];
  const pass = (call: Call): void => {
    if (listener === null) waiting.push(call);
    else call(listener);
  };
  source.start({
    onEvents: (events) => pass((handlers) => handlers.onEvents(events)),
    onSynced: (resource) => pass((handlers) => handlers.onSynced(resource)),
    onProblem: (problem) => pass((handlers) => handlers.onProblem(problem)),
  });
  return {
    start: (handlers) => {
      for (const call of waiting.splice(0)) call(handlers);
      listener = handlers;
    },
    stop: () => source.stop(),
  };
}
