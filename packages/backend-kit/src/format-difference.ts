/** Kernel against desired state as text, in the manner of diff(1). Pure. */

/** One object of the kernel, in the syntax of the tool that lists it. */
export interface ListedObject {
  /** Names it: `chain KUBE-SERVICES in nat`. */
  readonly object: string;
  /** Empty: the kernel does not hold it. Lines that both sides have in common may be left out on both. */
  readonly kernel: readonly string[];
  readonly desired: readonly string[];
}

/** Parts of one object, found one by one, as one; each line once. */
export function joinObjects(parts: Iterable<ListedObject>): readonly ListedObject[] {
  const joined = new Map<string, { readonly kernel: Set<string>; readonly desired: Set<string> }>();
  for (const { object, kernel, desired } of parts) {
    const whole = joined.get(object) ?? { kernel: new Set(), desired: new Set() };
    joined.set(object, whole);
    for (const line of kernel) whole.kernel.add(line);
    for (const line of desired) whole.desired.add(line);
  }
  return [...joined].map(([object, { kernel, desired }]) => ({
    object,
    kernel: [...kernel],
    desired: [...desired],
  }));
}

/** For each object that differs a header, then `-` before lines of the kernel only and `+` before lines that it lacks. */
export function formatDifference(objects: Iterable<ListedObject>): readonly string[] {
  const lines: string[] = [];
  for (const { object, kernel, desired } of objects) {
    const differing = differingLines(kernel, desired);
    if (differing.length > 0) lines.push(`@@ ${object} @@`, ...differing);
  }
  return lines;
}

/** Compared line by line up to this number of pairs; beyond, every line that is not at a common end is printed. */
const MOST_PAIRS = 250_000;

function differingLines(kernel: readonly string[], desired: readonly string[]): readonly string[] {
  const head = commonStart(kernel, desired);
  const tail = commonStart(kernel.slice(head).toReversed(), desired.slice(head).toReversed());
  const before = kernel.slice(head, kernel.length - tail);
  const after = desired.slice(head, desired.length - tail);
  const isLong = before.length * after.length > MOST_PAIRS;
  return isLong ? [...before.map(minus), ...after.map(plus)] : leastDifference(before, after);
}

function commonStart(one: readonly string[], other: readonly string[]): number {
  const differs = one.findIndex((line, index) => line !== other[index]);
  return differs === -1 ? Math.min(one.length, other.length) : differs;
}

/** By the longest common subsequence. */
function leastDifference(before: readonly string[], after: readonly string[]): readonly string[] {
  const common = commonLengths(before, after);
  const lines: string[] = [];
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    const [old, next] = [before[i], after[j]];
    if (old !== undefined && old === next) {
      i++;
      j++;
    } else if (old !== undefined && (next === undefined || at(common, i + 1, j) >= at(common, i, j + 1))) {
      lines.push(minus(old));
      i++;
    } else {
      lines.push(plus(next ?? ''));
      j++;
    }
  }
  return lines;
}

type Lengths = readonly Uint32Array[];

/** Length of the longest common subsequence of the rests that begin at each pair of lines. */
function commonLengths(before: readonly string[], after: readonly string[]): Lengths {
  const rows = Array.from({ length: before.length + 1 }, () => new Uint32Array(after.length + 1));
  for (let i = before.length - 1; i >= 0; i--) {
    for (let j = after.length - 1; j >= 0; j--) {
      const row = rows[i];
      if (row === undefined) continue;
      const isSame = before[i] === after[j];
      row[j] = isSame ? at(rows, i + 1, j + 1) + 1 : Math.max(at(rows, i + 1, j), at(rows, i, j + 1));
    }
  }
  return rows;
}

function at(rows: Lengths, i: number, j: number): number {
  return rows[i]?.[j] ?? 0;
}

function minus(line: string): string {
  return `-${line}`;
}

function plus(line: string): string {
  return `+${line}`;
}
