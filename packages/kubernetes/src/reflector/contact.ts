import type { Clock, Resource } from '@signalbox/core';

import type { ApiError } from '../http/api-error.ts';

/** State of the list and watch of one resource. */
export interface WatchConnection {
  readonly resource: Resource;
  /** Epoch milliseconds of the last answer, event or bookmark; null before the first. */
  readonly lastContact: number | null;
  /** The error of the last attempt; null if it was answered. */
  readonly error: string | null;
}

export interface Contact {
  /** The server answered, or sent something. */
  made(): void;
  failed(error: ApiError): void;
  connection(): WatchConnection;
}

export function createContact(resource: Resource, clock: Clock): Contact {
  let lastContact: number | null = null;
  let error: string | null = null;
  return {
    made() {
      lastContact = clock.now();
      error = null;
    },
    failed: ({ message }) => {
      error = message;
    },
    connection: () => ({ resource, lastContact, error }),
  };
}
