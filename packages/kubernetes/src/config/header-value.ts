import { validateHeaderValue } from 'node:http';

/** Of a value that HTTP cannot carry; without the value, which may be a secret. */
export const NO_HEADER_VALUE = 'it has a line break or another character that no HTTP header can have';

/** Whether Node.js accepts the text as the value of an HTTP header. */
export function isHeaderValue(text: string): boolean {
  try {
    validateHeaderValue('authorization', text);
    return true;
  } catch {
    return false;
  }
}
