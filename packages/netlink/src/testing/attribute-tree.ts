import { eachAttribute } from '../codec/reader.ts';

/** Attributes by type; a value is hexadecimal text, or the attributes inside. */
export interface AttributeTree {
  readonly [type: number]: string | AttributeTree;
}

/**
 * Attributes of a payload in a form that tests can compare: the NLA_F_ bits and the order are gone.
 * `nested` lists, by path from the top ('18', '18.2'), which attributes hold others.
 */
export function attributeTree(data: Buffer, nested: readonly string[], path = ''): AttributeTree {
  const tree: Record<number, string | AttributeTree> = {};
  eachAttribute(data, (type, value) => {
    const here = path === '' ? String(type) : `${path}.${type}`;
    tree[type] = nested.includes(here) ? attributeTree(value, nested, here) : value.toString('hex');
  });
  return tree;
}
