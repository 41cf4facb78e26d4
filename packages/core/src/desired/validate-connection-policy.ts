import { LONGEST_TIMEOUT, type ConnectionPolicy } from '../model/connection-policy.ts';
import { isFields, mapping, wholeNumber, type Problem } from './validate-values.ts';

const NUMBERS: Readonly<Record<keyof ConnectionPolicy, readonly [least: number, most: number]>> = {
  maxConnections: [1, Number.MAX_SAFE_INTEGER],
  maxPendingConnects: [1, Number.MAX_SAFE_INTEGER],
  maxRetries: [0, Number.MAX_SAFE_INTEGER],
  connectTimeout: [1, LONGEST_TIMEOUT],
  idleTimeout: [1, LONGEST_TIMEOUT],
  outlierFailures: [0, Number.MAX_SAFE_INTEGER],
  checkInterval: [1, LONGEST_TIMEOUT],
};

/** `undefined`: no annotation. */
export function checkConnectionPolicy(value: unknown): Problem {
  if (value === undefined) return null;
  if (!isFields(value)) return mapping(value);
  for (const [field, [least, most]] of Object.entries(NUMBERS)) {
    const number = value[field];
    const problem = number === undefined ? null : wholeNumber(number, least, most);
    if (problem !== null) return `.${field}${problem}`;
  }
  return null;
}
