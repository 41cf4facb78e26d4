export type InOrder = <T>(step: () => T | Promise<T>) => Promise<T>;

/** Runs steps one after the other; a step that fails does not keep the next one from running. */
export function inOrder(): InOrder {
  let last: Promise<unknown> = Promise.resolve();
  return (step) => {
    const done = last.then(step);
    last = done.catch(() => undefined);
    return done;
  };
}
