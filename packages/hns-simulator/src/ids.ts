/** GUIDs as HNS treats them: compared without case, spelt in either. */
const ZERO = '00000000-0000-0000-0000-000000000000';
const SHAPE = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export function idKey(id: string): string {
  return id.toUpperCase();
}

export function isGuid(text: string): boolean {
  return SHAPE.test(text);
}

export interface IdSource {
  /** The id to use where a caller asked for `wanted`; a fresh one for the zero GUID. */
  assign(wanted: string): string;
  /** The same id in the other spelling now and then, as HNS answers it. */
  respell(id: string): string;
}

/** Fresh ids count up, so that runs can be compared; every third answer is in lower case. */
export function createIdSource(): IdSource {
  let next = 1;
  let answers = 0;
  return {
    assign(wanted) {
      if (idKey(wanted) !== ZERO) return idKey(wanted);
      const digits = (next++).toString(16).toUpperCase().padStart(12, '0');
      return `A5A5A5A5-0000-4000-8000-${digits}`;
    },
    respell(id) {
      answers += 1;
      return answers % 3 === 0 ? id.toLowerCase() : id.toUpperCase();
    },
  };
}
