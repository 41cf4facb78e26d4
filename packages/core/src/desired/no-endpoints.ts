import type { Route } from './desired-state.ts';
import { route, routeTable } from './route-table.ts';

/** S23: no usable endpoint anywhere: every frontend rejects connections. */
export const REFUSE: readonly Route[] = routeTable(route('any', 'reject', 'keep-source', 'S23'));

/** S66: no usable endpoint anywhere, and external traffic goes on by the node's routes, to another cluster perhaps. */
export const PASS_ON: readonly Route[] = routeTable(route('any', 'pass', 'keep-source', 'S66'));

/** S16: endpoints exist, but ITP=Local and none is here. */
export const DROP_INTERNAL: readonly Route[] = routeTable(route('any', 'drop', 'keep-source', 'S16'));
