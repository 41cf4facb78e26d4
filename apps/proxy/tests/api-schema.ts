/** Whether an object fits its schema, as the official client has it: unknown fields and wrong types, by path. */
import * as client from '@kubernetes/client-node';

interface Attribute {
  readonly baseName: string;
  readonly type: string;
}

interface Model {
  getAttributeTypeMap(): readonly Attribute[];
}

const models = client as unknown as Readonly<Record<string, Model | undefined>>;

/** apiVersion and kind → the class of the client. */
function modelOf({ apiVersion, kind }: { readonly apiVersion?: unknown; readonly kind?: unknown }): string {
  const version = String(apiVersion).split('/').at(-1) ?? '';
  return `${version.charAt(0).toUpperCase()}${version.slice(1)}${String(kind)}`;
}

export function schemaProblems(object: Readonly<Record<string, unknown>>): readonly string[] {
  const model = modelOf(object);
  if (models[model] === undefined) return [`${model}: no such kind`];
  return problemsOf(object, model, model);
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const PRIMITIVES: Readonly<Record<string, (value: unknown) => boolean>> = {
  string: (value) => typeof value === 'string',
  boolean: (value) => typeof value === 'boolean',
  number: (value) => typeof value === 'number',
  Date: (value) => typeof value === 'string',
  IntOrString: (value) => typeof value === 'string' || Number.isInteger(value),
  any: () => true,
  object: isRecord,
};

function problemsOf(value: unknown, type: string, path: string): readonly string[] {
  const [, item] = /^Array<(.*)>$/.exec(type) ?? [];
  if (item !== undefined) {
    if (!Array.isArray(value)) return [`${path}: must be a list`];
    return value.flatMap((each, at) => problemsOf(each, item, `${path}[${at}]`));
  }
  const [, entry] = /^\{ \[key: string\]: (.*); \}$/.exec(type) ?? [];
  const fits = PRIMITIVES[type];
  if (fits !== undefined) return fits(value) ? [] : [`${path}: must be ${type}`];
  if (!isRecord(value)) return [`${path}: must be a mapping`];
  if (entry !== undefined) {
    return Object.entries(value).flatMap(([key, each]) => problemsOf(each, entry, `${path}.${key}`));
  }
  const attributes = models[type]?.getAttributeTypeMap();
  if (attributes === undefined) return [`${path}: no schema for ${type}`];
  return Object.entries(value).flatMap(([key, each]) => {
    const attribute = attributes.find(({ baseName }) => baseName === key);
    return attribute === undefined
      ? [`${path}.${key}: no such field`]
      : problemsOf(each, attribute.type, `${path}.${key}`);
  });
}
