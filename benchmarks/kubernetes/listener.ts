/** What a client reports to the measurement: a Service with the time at which it was changed, and completeness. */
export interface Listener {
  readonly onChange: (sent: number) => void;
  readonly onSynced: (objects: number) => void;
}
