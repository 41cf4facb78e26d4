/** Splits bytes at newlines. Chunks may end anywhere, also within a character: text is made of whole lines only. */
export interface LineSplitter {
  /** The complete lines that this chunk ends, without empty ones. */
  push(chunk: Buffer): string[];
  /** Pieces of a line that has no end yet. */
  readonly rest: number;
}

export function createLineSplitter(): LineSplitter {
  let parts: Buffer[] = [];
  const take = (last: Buffer): string => {
    const line = parts.length === 0 ? last : Buffer.concat([...parts, last]);
    parts = [];
    return line.toString('utf8').trim();
  };
  return {
    push(chunk) {
      const lines: string[] = [];
      let from = 0;
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
        lines.push(take(chunk.subarray(from, at)));
        from = at + 1;
      }
      if (from < chunk.length) parts.push(chunk.subarray(from));
      return lines.filter((line) => line !== '');
    },
    get rest() {
      return parts.length;
    },
  };
}
