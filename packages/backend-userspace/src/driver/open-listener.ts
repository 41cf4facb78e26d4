import type { Listener } from '../objects/listener.ts';

/** A socket that is open. */
export interface OpenListener {
  readonly listener: Listener;
  /** Applies to new connections. */
  update(listener: Listener): void;
  /** Stops accepting; existing TCP connections continue. */
  close(): void;
}
