import type { Route } from './desired-state.ts';
import { route, routeTable } from './route-table.ts';

/** S23: no usable endpoint anywhere: every frontend rejects connections. */
export const REFUSE: readonly Route[] = routeTable(route('any', 'reject', 'keep-source', 'S23'));

/** S16: endpoints exist, but ITP=Local and none is here. */
export const DROP_INTERNAL: readonly Route[] = routeTable(route('any', 'drop', 'keep-source', 'S16'));
