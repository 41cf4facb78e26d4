const DOCUMENTS: Readonly<Record<string, string>> = {
  S: 'docs/service-semantics.md',
  F: 'docs/compatibility.md',
};

/** `docs/service-semantics.md#s24`; empty for what is no id of a clause. */
export function clauseLink(rule: string): string {
  const document = DOCUMENTS[rule[0] ?? ''];
  return document === undefined ? '' : `${document}#${rule.toLowerCase()}`;
}
