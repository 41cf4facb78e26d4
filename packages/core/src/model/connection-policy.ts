/**
 * Limits and health checks of connections to endpoints, set by annotations of the Service. Only a mode that opens the
 * connections itself can apply them. An absent field: the default of the mode.
 */
export interface ConnectionPolicy {
  /** Connections open at a time, established or not; 1 or more. */
  readonly maxConnections?: number;
  /** Connections that wait for an endpoint at a time; 1 or more. */
  readonly maxPendingConnects?: number;
  /** Connections at their second or a later attempt at a time; 0: each has one attempt. */
  readonly maxRetries?: number;
  /** Milliseconds for each attempt. */
  readonly connectTimeout?: number;
  /** Milliseconds without a byte after which a connection ends. */
  readonly idleTimeout?: number;
  /** Consecutive failures after which an endpoint is not selected for a time; 0: it stays selected. */
  readonly outlierFailures?: number;
  /** Milliseconds between two TCP checks of each endpoint; absent: none is made. */
  readonly checkInterval?: number;
}

/** Timers of Node.js allow no more milliseconds. */
export const LONGEST_TIMEOUT = 2 ** 31 - 1;

/** The annotation of the Service that sets each field. */
export const CONNECTION_ANNOTATIONS: Readonly<Record<keyof ConnectionPolicy, string>> = {
  maxConnections: 'signalbox.dev/max-connections',
  maxPendingConnects: 'signalbox.dev/max-pending-connects',
  maxRetries: 'signalbox.dev/max-retries',
  connectTimeout: 'signalbox.dev/connect-timeout',
  idleTimeout: 'signalbox.dev/idle-timeout',
  outlierFailures: 'signalbox.dev/outlier-consecutive-failures',
  checkInterval: 'signalbox.dev/health-check',
};

/** Has an effect only beside `signalbox.dev/health-check`. */
export const CHECK_INTERVAL_ANNOTATION = 'signalbox.dev/health-check-interval';
