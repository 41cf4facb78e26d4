/** Calls during a computation share its result. */
export function singleFlight(): <T>(key: string, compute: () => Promise<T>) => Promise<T> {
  const running = new Map<string, Promise<unknown>>();
  return <T>(key: string, compute: () => Promise<T>): Promise<T> => {
    const known = running.get(key);
    if (known !== undefined) return known as Promise<T>;
    const result = compute().finally(() => running.delete(key));
    running.set(key, result);
    return result;
  };
}
