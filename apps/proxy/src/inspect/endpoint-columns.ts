/** Numbers of endpoints as columns, the same in `signalbox describe` and on the page. */
import type { EndpointCount, EndpointDescription } from '@signalbox/core';

export interface EndpointColumn {
  readonly title: string;
  readonly text: (endpoint: EndpointDescription, count: EndpointCount | undefined) => string;
}

/** Only columns in which the rows can differ. `counts`: empty where the mode does not count connections. */
export function endpointColumns(
  endpoints: readonly EndpointDescription[],
  counts: readonly EndpointCount[],
): readonly EndpointColumn[] {
  const columns: EndpointColumn[] = [];
  if (endpoints.some(({ weight }) => weight > 1))
    columns.push({ title: 'Weight', text: ({ weight }) => String(weight) });
  if (counts.length > 0)
    columns.push({ title: 'Connections', text: (_, count) => String(count?.connections ?? 0) });
  if (counts.some(({ active }) => active !== undefined))
    columns.push({ title: 'Open', text: (_, count) => String(count?.active ?? 0) });
  return columns;
}
