import type { Listener } from '../objects/listener.ts';

/** A socket that is open. */
export interface OpenListener {
  readonly listener: Listener;
  /** New connections are treated as this one says. */
  update(listener: Listener): void;
  /** Accepts no more; TCP connections that exist continue. */
  close(): void;
}
