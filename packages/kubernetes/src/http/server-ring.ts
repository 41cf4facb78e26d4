export interface ServerRing {
  readonly inOrder: () => readonly string[];
  readonly demote: (server: string) => void;
}

/** Servers in the order of preference: one that failed moves to the end of the list. */
export function createServerRing(all: readonly string[]): ServerRing {
  let order = all;
  return {
    inOrder: () => order,
    demote(server) {
      if (order[0] === server) order = [...order.slice(1), server];
    },
  };
}
