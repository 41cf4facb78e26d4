/** Values of the flags that only this command has. */
import type { FieldValue } from '../config/kinds.ts';

export interface OwnValues {
  /** Of a flag whose kind is `string`. */
  text(name: string): string;
  /** Of a flag whose kind is a number or `duration`, in milliseconds. */
  number(name: string): number;
  /** Of a flag whose kind is `bool`. */
  is(name: string): boolean;
}

/** Throws for a flag that the row of the command does not have: an error in the program. */
export function ownValues(values: ReadonlyMap<string, FieldValue>): OwnValues {
  return {
    text: (name) => {
      const value = values.get(name);
      if (typeof value !== 'string') throw new Error(`--${name} is not a flag with a text`);
      return value;
    },
    number: (name) => {
      const value = values.get(name);
      if (typeof value !== 'number') throw new Error(`--${name} is not a flag with a number`);
      return value;
    },
    is: (name) => {
      const value = values.get(name);
      if (typeof value !== 'boolean') throw new Error(`--${name} is not a flag without a value`);
      return value;
    },
  };
}
