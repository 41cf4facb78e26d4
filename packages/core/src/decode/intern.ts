import type { TopologyHints } from '../model/endpoint-slice.ts';

/** Keeps one copy of values that many endpoints repeat: node names and hints. */
export interface InternPool {
  text(value: string): string;
  hints(zones: readonly string[], nodes: readonly string[]): TopologyHints;
}

/** Above the largest clusters' node count; then the pool is emptied, so that names no longer in use are released. */
const POOL_LIMIT = 20_000;

const NO_NAMES: readonly string[] = Object.freeze([]);

export function createInternPool(): InternPool {
  const texts = new Map<string, string>();
  const hints = new Map<string, TopologyHints>();
  const keep = <T>(pool: Map<string, T>, key: string, value: T): T => {
    if (pool.size >= POOL_LIMIT) pool.clear();
    pool.set(key, value);
    return value;
  };
  return {
    text: (value) => texts.get(value) ?? keep(texts, value, value),
    hints: (zones, nodes) => {
      const key = `${zones.join(' ')}\n${nodes.join(' ')}`;
      const share = (names: readonly string[]): readonly string[] => (names.length === 0 ? NO_NAMES : names);
      return hints.get(key) ?? keep(hints, key, { zones: share(zones), nodes: share(nodes) });
    },
  };
}
