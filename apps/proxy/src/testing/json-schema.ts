/** The part of JSON Schema that the schemas of this package use. */
interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema;
  readonly items?: Schema;
}

interface Root {
  readonly $defs: Readonly<Record<string, Schema>>;
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

function hasType(value: unknown, type: string): boolean {
  return type === 'integer' ? Number.isInteger(value) : typeOf(value) === type;
}

function fieldProblems(value: object, schema: Schema, at: string, root: Root): string[] {
  const { properties = {}, required = [], additionalProperties } = schema;
  const missing = required.filter((name) => !(name in value)).map((name) => `${at}.${name}: required`);
  const isClosed = Object.keys(properties).length > 0;
  const found = Object.entries(value).flatMap(([name, field]) => {
    const known = properties[name] ?? additionalProperties;
    if (known !== undefined) return problems(field, known, `${at}.${name}`, root);
    return isClosed ? [`${at}.${name}: not in the schema`] : [];
  });
  return [...missing, ...found];
}

// eslint-disable-next-line max-params
function problems(value: unknown, schema: Schema, at: string, root: Root): string[] {
  if (schema.$ref !== undefined) {
    return problems(value, definition(root, schema.$ref.replace('#/$defs/', '')), at, root);
  }
  if (schema.anyOf !== undefined) {
    const each = schema.anyOf.map((option) => problems(value, option, at, root));
    return each.some((found) => found.length === 0) ? [] : (each[0] ?? []);
  }
  if (schema.enum !== undefined) {
    return schema.enum.includes(value) ? [] : [`${at}: ${JSON.stringify(value)} is not in the enum`];
  }
  if (schema.type !== undefined && !hasType(value, schema.type)) {
    return [`${at}: ${typeOf(value)} instead of ${schema.type}`];
  }
  if (Array.isArray(value)) {
    const { items } = schema;
    return items === undefined
      ? []
      : value.flatMap((item, index) => problems(item, items, `${at}[${index}]`, root));
  }
  return typeof value === 'object' && value !== null ? fieldProblems(value, schema, at, root) : [];
}

function definition({ $defs }: Root, name: string): Schema {
  const found = $defs[name];
  if (found === undefined) throw new Error(`the schema does not define ${name}`);
  return found;
}

/** What of `value` does not fit the definition; unknown fields included, though the schema allows them to clients. */
export function schemaProblems(value: unknown, root: unknown, name: string): string[] {
  return problems(value, definition(root as Root, name), name, root as Root);
}
