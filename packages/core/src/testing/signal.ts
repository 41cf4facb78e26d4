/** Waits for a condition, which is checked at each `notify`. */
export interface Signal {
  readonly notify: () => void;
  readonly until: (condition: () => boolean) => Promise<void>;
}

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
