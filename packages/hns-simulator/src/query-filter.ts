import { HcnFault, HR } from './hresult.ts';

/** A document, or `HR.invalidJson`. */
export function parseDocument(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>;
  } catch {
    // not JSON: the same answer as for JSON of another shape
  }
  throw new HcnFault(HR.invalidJson);
}

/**
 * The predicate of a `HostComputeQuery`. `Filter` is a JSON text inside the JSON; keys are fields of the document
 * compared without case, but for `VirtualNetwork`, the old name of an endpoint's network.
 */
export function queryFilter(query: string): (document: object) => boolean {
  const filter = parseDocument(query)['Filter'];
  if (typeof filter !== 'string' || filter === '') return () => true;
  const wanted = Object.entries(parseDocument(filter));
  return (document) =>
    wanted.every(([key, value]) => {
      const field = key === 'VirtualNetwork' ? 'HostComputeNetwork' : key;
      const found = (document as Readonly<Record<string, unknown>>)[field];
      return typeof found === 'string' && found.toUpperCase() === String(value).toUpperCase();
    });
}
