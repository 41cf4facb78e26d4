/** Faults that a test injects. */
import type { RequestRecord } from './request-log.ts';

/** How the server handles a request instead of serving it. */
export type FaultAction =
  /** A Status of this HTTP status; `retryAfter` is the value of the Retry-After header. */
  | {
      readonly do: 'answer';
      readonly status: number;
      readonly message?: string;
      readonly retryAfter?: string;
    }
  /** The request is received, and gets no response. */
  | { readonly do: 'silence' }
  /** The connection is closed before any answer. */
  | { readonly do: 'hang-up' }
  /** Half of the answer, then the connection breaks. */
  | { readonly do: 'cut' }
  /** 200 and this text for any request; without an end if so specified. */
  | { readonly do: 'say'; readonly text: string; readonly end?: 'never' };

/** A fault for matching requests; the first one added that matches applies. */
export interface Fault {
  readonly action: FaultAction;
  /** Absent: every request. */
  readonly when?: (request: RequestRecord) => boolean;
  /** Absent: until it is lifted. */
  readonly times?: number;
}

export interface Faults {
  /** Returns what lifts it. */
  readonly add: (fault: Fault) => () => void;
  /** All of them. */
  readonly lift: () => void;
  /** The first fault in force for this request; counts it. */
  take(request: RequestRecord): FaultAction | null;
}

export function createFaults(): Faults {
  const active = new Map<Fault, number>();
  return {
    add(fault) {
      active.set(fault, fault.times ?? Infinity);
      return () => active.delete(fault);
    },
    lift: () => active.clear(),
    take(request) {
      for (const [fault, left] of active) {
        if (fault.when?.(request) === false) continue;
        if (left > 1) active.set(fault, left - 1);
        else active.delete(fault);
        return fault.action;
      }
      return null;
    },
  };
}
