interface Outage {
  /** With the error of the first attempt that failed. */
  readonly onBegin: (err: string) => void;
  readonly onEnd: () => void;
}

/** One call for an outage and one for its end, however many attempts fail. Called after each attempt; `null`: it succeeded. */
export function createOutageLog({ onBegin, onEnd }: Outage): (error: string | null) => void {
  let isOut = false;
  return (error) => {
    if (error !== null && !isOut) onBegin(error);
    if (error === null && isOut) onEnd();
    isOut = error !== null;
  };
}
