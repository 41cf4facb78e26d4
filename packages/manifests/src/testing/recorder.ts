/** Shared by tests of the source: a small Service, and a record of what the source reported. */
import type { ObjectEvent, Resource, SourceHandlers, SourceProblem } from '@signalbox/core';
import { createSignal } from '@signalbox/core/testing';

export const service = (name: string, port = 80): string =>
  `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}}\nspec: {clusterIP: 10.96.0.1, ports: [{port: ${port}}]}\n`;

export interface Recorder {
  readonly events: ObjectEvent[];
  readonly problems: SourceProblem[];
  readonly synced: Resource[];
  /** Resolves when the condition holds; it is checked after each report. */
  readonly until: (condition: () => boolean) => Promise<void>;
  readonly handlers: SourceHandlers;
}

/** What a source has reported so far, and a way to wait for what it reports next. */
export function createRecorder(): Recorder {
  const events: ObjectEvent[] = [];
  const problems: SourceProblem[] = [];
  const synced: Resource[] = [];
  const { notify, until } = createSignal();
  const handlers = {
    onEvents: (batch: readonly ObjectEvent[]) => (events.push(...batch), notify()),
    onProblem: (problem: SourceProblem) => (problems.push(problem), notify()),
    onSynced: (resource: Resource) => (synced.push(resource), notify()),
  };
  return { events, problems, synced, until, handlers };
}

export function brief(event: ObjectEvent): string {
  if (event.type === 'delete') return `- ${event.resource} ${event.namespace}/${event.name}`;
  const object = event.object as { metadata: { name: string }; spec: { ports: { port: number }[] } };
  return `+ ${event.resource} ${object.metadata.name}:${object.spec.ports[0]?.port}`;
}
