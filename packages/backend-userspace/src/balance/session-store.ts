/** The endpoint that each client used last. Pure: time is an argument. */
export interface SessionStore {
  get(client: string): Session | undefined;
  /** May be forgotten once it is not used for the timeout. */
  set(client: string, session: Session, timeoutMs: number): void;
}

interface Session {
  /** The name of the endpoint. */
  readonly endpoint: string;
  readonly usedAt: number;
}

/** Expired sessions are removed each time their number has doubled, so that the cost for each client is constant. */
const FIRST_SWEEP = 1024;

export function createSessionStore(): SessionStore {
  const sessions = new Map<string, Session>();
  const state = { sweepAt: FIRST_SWEEP };
  const sweep = (now: number, timeoutMs: number): void => {
    for (const [client, { usedAt }] of sessions) if (now - usedAt >= timeoutMs) sessions.delete(client);
    state.sweepAt = Math.max(FIRST_SWEEP, sessions.size * 2);
  };
  return {
    get: (client) => sessions.get(client),
    set(client, session, timeoutMs) {
      sessions.set(client, session);
      if (sessions.size >= state.sweepAt) sweep(session.usedAt, timeoutMs);
    },
  };
}
