/** Columns as wide as their widest cell, `gap` between them. Each line starts with `indent`. */
export function textTable(rows: readonly (readonly string[])[], indent: string, gap = '  '): string {
  const widths = rows.reduce<number[]>(
    (known, row) => row.map((cell, column) => Math.max(cell.length, known[column] ?? 0)),
    [],
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join(gap)
      .trimEnd();
  return rows.map((row) => `${indent}${line(row)}\n`).join('');
}

/** `Name:  value` lines, the values in one column; empty ones are left out. */
export function textFields(fields: readonly (readonly [name: string, value: string])[]): string {
  const shown = fields.filter(([, value]) => value !== '');
  return textTable(
    shown.map(([name, value]) => [`${name}:`, value]),
    '',
  );
}
