/** A rule's arguments, read one by one. */
export interface Words {
  peek(): string | null;
  next(): string | null;
  /** Reads one of these options and its value, if it comes next. */
  option(...names: readonly string[]): string | null;
  /** Reads a `!`, if it comes next. */
  inverted(): { readonly invert?: true };
}

export function createWords(words: readonly string[]): Words {
  let at = 0;
  const next = (): string | null => words[at++] ?? null;
  return {
    peek: () => words[at] ?? null,
    next,
    option(...names) {
      if (!names.includes(words[at] ?? '')) return null;
      at++;
      return next();
    },
    inverted() {
      if (words[at] !== '!') return {};
      at++;
      return { invert: true };
    },
  };
}
