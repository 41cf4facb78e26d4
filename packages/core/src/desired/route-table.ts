import type { Route, RouteSource, RouteTarget } from './desired-state.ts';

export function route(
  source: RouteSource,
  target: RouteTarget,
  masquerade: 'masquerade' | 'keep-source',
  rule: string,
): Route {
  return Object.freeze({ source, target, masquerade: masquerade === 'masquerade', rule });
}

/** Route arrays are made once, at load time, and shared: `===` recognises most equal decisions. */
export function routeTable(...routes: readonly Route[]): readonly Route[] {
  return Object.freeze([...routes]);
}
