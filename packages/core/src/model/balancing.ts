/** How the endpoint of a new connection is chosen: the values of the annotation `signalbox.dev/load-balancing`. */
export const BALANCING_ALGORITHMS = ['round-robin', 'random', 'least-connections', 'maglev'] as const;

/** One value of `BALANCING_ALGORITHMS`. */
export type BalancingAlgorithm = (typeof BALANCING_ALGORITHMS)[number];

/** Of a Service. */
export const LOAD_BALANCING_ANNOTATION = 'signalbox.dev/load-balancing';

/** Of an EndpointSlice: applies to each of its endpoints. */
export const WEIGHT_ANNOTATION = 'signalbox.dev/weight';

/** Weight of endpoints whose EndpointSlice has no annotation `signalbox.dev/weight`. */
export const DEFAULT_WEIGHT = 1;
/** The largest value of the annotation `signalbox.dev/weight`; the smallest is 1. */
export const MAX_WEIGHT = 100;
