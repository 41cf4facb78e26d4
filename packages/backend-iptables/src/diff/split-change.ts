import type { DesiredChange, DesiredServicePort, Frontend } from '@signalbox/core';

/**
 * When refusals (filter) are written, relative to the ways to endpoints (nat). `both`: the former ones stay beside the new
 * ones until nat is written, since a full sync has no record of which services gain endpoints and which lose them.
 */
export type RefusalOrder = 'refusals-first' | 'refusals-last' | 'both';

export interface ChangePart {
  readonly change: DesiredChange;
  readonly order: RefusalOrder;
}

/**
 * A service that loses its endpoints must be refused before its rules in nat are removed; a service that gains endpoints must
 * have its rules in nat before the refusal is removed. Services share chains, so a change with both is applied in two steps.
 */
export function splitChange(change: DesiredChange): readonly ChangePart[] {
  if (change.kind === 'full') return [{ change, order: 'both' }];
  const { changed } = change.servicePorts;
  const gaining = changed.filter(({ before, after }) => gainsEndpoints(before, after));
  if (gaining.length === 0) return [{ change, order: 'refusals-first' }];
  const { added, removed } = change.servicePorts;
  if (gaining.length === changed.length && added.length + removed.length === 0) {
    return [{ change, order: 'refusals-last' }];
  }
  const rest = changed.filter((each) => !gaining.includes(each));
  const none = { added: [], changed: [], removed: [] };
  return [
    { change: { ...change, servicePorts: { added, removed, changed: rest } }, order: 'refusals-first' },
    {
      change: { ...change, servicePorts: { ...none, changed: gaining }, healthChecks: none },
      order: 'refusals-last',
    },
  ];
}

function gainsEndpoints(before: DesiredServicePort, after: DesiredServicePort): boolean {
  const refused = new Set(before.frontends.filter(isRefused).map(idOf));
  if (refused.size === 0) return false;
  return after.frontends.some((frontend) => refused.has(idOf(frontend)) && !isRefused(frontend));
}

function isRefused({ routes }: Frontend): boolean {
  return routes.some(({ target }) => target === 'reject' || target === 'drop');
}

function idOf(frontend: Frontend): string {
  return `${frontend.kind} ${'address' in frontend ? frontend.address : ''} ${frontend.port}`;
}
