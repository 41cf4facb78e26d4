/** Requests of a test to the agent of a namespace, and its answers: one JSON value a line, both ways. */
import type { Protocol } from '@signalbox/core';

export interface Socket {
  readonly address: string;
  /** 1-65535. */
  readonly port: number;
}

/** Starts to answer on an address: every connection or datagram gets an `Echo`. */
export interface ListenRequest {
  readonly op: 'listen';
  readonly protocol: Protocol;
  readonly at: Socket;
}

/** Opens `tries` connections at once, each from a source port of its own. */
export interface ConnectRequest {
  readonly op: 'connect';
  readonly protocol: Protocol;
  /** The source address; it must be one of the namespace's. */
  readonly from: string;
  /** The source port of the first try, the others have those that follow; the kernel's choice if absent. TCP only. */
  readonly fromPort?: number;
  readonly to: Socket;
  readonly tries: number;
  /** Milliseconds until an attempt counts as unanswered. */
  readonly timeout: number;
  /** `reset`: ends answered TCP connections with RST, so that the server's side is gone at once too. */
  readonly ending?: 'close' | 'reset';
}

interface ForgetRequest {
  readonly op: 'forget';
}

export type AgentRequest = ListenRequest | ConnectRequest | ForgetRequest;

/** A listener's answer: its own address and the source address that it saw. */
export interface Echo {
  readonly endpoint: Socket;
  readonly peer: Socket;
}

/**
 * How one attempt ended.
 * - `answered`: by `endpoint`, which saw the connection come from `peer`.
 * - `rejected`: refused with an answer (ICMP unreachable, or RST).
 * - `silent`: nothing came back in time.
 */
export type Attempt =
  | ({ readonly kind: 'answered' } & Echo)
  | { readonly kind: 'rejected'; readonly code: string }
  | { readonly kind: 'silent' };

export interface Envelope {
  readonly id: number;
  readonly request: AgentRequest;
}

export type Reply =
  | { readonly id: number; readonly attempts: readonly Attempt[] }
  | { readonly id: number; readonly error: string };
