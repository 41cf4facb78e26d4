/** Waits for a condition, which is checked at each `notify`. */
export interface Signal {
  /** Checks the condition of every pending `until`. */
  readonly notify: () => void;
  /** Resolves when the condition holds, at once or at a later `notify`. */
  readonly until: (condition: () => boolean) => Promise<void>;
}

/** A signal without pending conditions. */
export function createSignal(): Signal {
  const checks = new Set<() => void>();
  return {
    notify: () => checks.forEach((check) => check()),
    until: (condition) =>
      new Promise((resolve) => {
        const check = (): void => {
          if (!condition()) return;
          checks.delete(check);
          resolve();
        };
        checks.add(check);
        check();
      }),
  };
}
