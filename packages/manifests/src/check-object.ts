/** What an API server would refuse or warn of in an object, and what makes the object without effect. Pure. */
import type { Resource } from '@signalbox/core';

import { SHAPES, type Shape } from './shapes.ts';
import { fieldsOf, isRecord, show } from './values.ts';

export interface ObjectProblem {
  /** `unknown-field` and `bad-field`: the field is ignored. `no-effect`: the object is. */
  readonly code: 'unknown-field' | 'bad-field' | 'no-effect';
  readonly field: string;
  readonly reason: string;
}

export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

function checkFields(value: Readonly<Record<string, unknown>>, shape: Shape, at: string): ObjectProblem[] {
  if (shape === 'any' || !('fields' in shape)) return [];
  return Object.entries(value).flatMap(([name, inner]) => {
    const field = at === '' ? name : `${at}.${name}`;
    const known = Object.hasOwn(shape.fields, name) ? shape.fields[name] : undefined;
    if (known !== undefined) return checkShape(inner, known, field);
    if (shape.open === true) return [];
    const near = Object.keys(shape.fields).find((other) => other.toLowerCase() === name.toLowerCase());
    const hint = near === undefined ? '' : `; did you mean ${near}?`;
    return [{ code: 'unknown-field', field, reason: `unknown field${hint}` } as const];
  });
}

function checkShape(value: unknown, shape: Shape, field: string): ObjectProblem[] {
  if (shape === 'any' || value === undefined || value === null) return [];
  if ('list' in shape) {
    if (!Array.isArray(value))
      return [{ code: 'bad-field', field, reason: `must be a list, not ${show(value)}` }];
    return value.flatMap((item, index) => checkShape(item, shape.list, `${field}[${index}]`));
  }
  if (!isRecord(value))
    return [{ code: 'bad-field', field, reason: `must be a mapping, not ${show(value)}` }];
  return checkFields(value, shape, field);
}

function isEmpty(value: unknown): boolean {
  return (
    value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0)
  );
}

/** Without an API server, absent fields are not filled in. */
function serviceWithoutEffect(object: unknown): ObjectProblem[] {
  const { type, clusterIP, clusterIPs, ports } = fieldsOf(fieldsOf(object)['spec']);
  const headless = clusterIP === 'None' || (Array.isArray(clusterIPs) && clusterIPs[0] === 'None');
  if (type === 'ExternalName' || headless) return [];
  const missing = (field: string): ObjectProblem => ({
    code: 'no-effect',
    field,
    reason: 'required: without it the Service gets no rules',
  });
  return [
    ...(isEmpty(clusterIP) && isEmpty(clusterIPs) ? [missing('spec.clusterIP')] : []),
    ...(isEmpty(ports) ? [missing('spec.ports')] : []),
  ];
}

function sliceWithoutEffect(object: unknown): ObjectProblem[] {
  const labels = fieldsOf(fieldsOf(fieldsOf(object)['metadata'])['labels']);
  const service = labels[SERVICE_NAME_LABEL];
  if (typeof service === 'string' && service !== '') return [];
  const reason = `${SERVICE_NAME_LABEL} required: without it the EndpointSlice belongs to no Service`;
  return [{ code: 'no-effect', field: 'metadata.labels', reason }];
}

export function checkObject(resource: Resource, object: unknown): readonly ObjectProblem[] {
  const found = checkShape(object, SHAPES[resource], '');
  if (resource === 'Service') found.push(...serviceWithoutEffect(object));
  if (resource === 'EndpointSlice') found.push(...sliceWithoutEffect(object));
  return found;
}
