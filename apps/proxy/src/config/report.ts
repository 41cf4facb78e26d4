/** How problems of a configuration are collected; a file of its own since every part of the validation imports it. */

/** Takes the path of a field and what is wrong with it; the value is looked up. */
export type Report = (path: string, reason: string) => void;

export function within(
  value: number,
  [min, max]: readonly [number, number],
  report: (reason: string) => void,
): void {
  if (value < min || value > max) report(`must be within the range [${min}, ${max}]`);
}

/** The reason for which a text that should be a CIDR is refused. */
export function notCidr(text: string): string {
  return `${text} is not a valid CIDR block (e.g. 10.100.0.0/16 or fde4:8dba:82e1::/48)`;
}
