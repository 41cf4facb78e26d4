/** Splits bytes at newlines. Chunks may end anywhere, also within a character: text is made of whole lines only. */
import { createPieceBuffer, OBJECT_LIMIT } from './limits.ts';

export interface LineSplitter {
  /** The complete lines that this chunk ends, without empty ones. Throws a TooLargeError. */
  push(chunk: Buffer): string[];
  /** Bytes of a line that has no end yet. */
  readonly rest: number;
}

export function createLineSplitter(limit: number = OBJECT_LIMIT): LineSplitter {
  const line = createPieceBuffer('a watch event', limit);
  return {
    push(chunk) {
      const lines: string[] = [];
      let from = 0;
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
        lines.push(line.take(chunk.subarray(from, at)).toString('utf8').trim());
        from = at + 1;
      }
      if (from < chunk.length) line.append(chunk.subarray(from));
      return lines.filter((text) => text !== '');
    },
    get rest() {
      return line.size;
    },
  };
}
