/** A string argument as `iptables-save` prints it: bare if it is a plain word, else quoted and escaped. */
export function quote(text: string): string {
  return /^[\w-]+$/.test(text) ? text : `"${text.replace(/["'\\]/g, '\\$&')}"`;
}

/**
 * Splits a line of `iptables-save` into its arguments, and removes the quoting.
 * `null` if a quotation mark is not closed.
 */
export function splitArguments(line: string): readonly string[] | null {
  if (!line.includes('"') && !line.includes('\\')) return line.split(' ').filter((word) => word !== '');
  const words: string[] = [];
  const pattern = /\s*(?:"((?:[^"\\]|\\.)*)"|([^\s"]+))/gy;
  const end = line.trimEnd().length;
  while (pattern.lastIndex < end) {
    const found = pattern.exec(line);
    if (found === null) return null;
    words.push(found[1] === undefined ? (found[2] ?? '') : found[1].replace(/\\(.)/g, '$1'));
  }
  return words;
}
