/** Source ports for connections of a test, each returned once until the range is used up. */
export interface SourcePorts {
  /** The first of `count` consecutive ports that no earlier call returned. */
  take(count: number): number;
}

export interface PortRange {
  readonly first: number;
  readonly count: number;
}

/**
 * The kernel keeps an unanswered connection in its connection table for two minutes, with the decision that it is not
 * translated: a later connection from the same port to the same address matches that entry and stays unanswered, whatever
 * the rules are by then. Therefore the kernel chooses no port, and each is used once.
 */
export function createSourcePorts({ first, count }: PortRange): SourcePorts {
  const state = { used: 0 };
  return {
    take(wanted) {
      if (wanted > count) throw new Error(`${wanted} source ports: the range has ${count}`);
      if (state.used + wanted > count) state.used = 0;
      const taken = first + state.used;
      state.used += wanted;
      return taken;
    },
  };
}
