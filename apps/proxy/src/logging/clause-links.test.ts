import { describe, expect, it } from 'vitest';
import { linkClauses } from './clause-links.ts';

const BASE = new URL('file:///opt/signalbox/');

describe('links of a terminal', () => {
  it('stand behind the ids of clauses, and nothing else', () => {
    expect(linkClauses('because  dropped (S24)\n', BASE)).toBe(
      'because  dropped (\u001B]8;;file:///opt/signalbox/docs/service-semantics.md#s24\u001B\\S24\u001B]8;;\u001B\\)\n',
    );
    expect(linkClauses('(F132)', BASE)).toContain('docs/compatibility.md#f132');
    for (const text of ['S24', 'pod-S24)', '(S24x)', '(T24)', 'service (cluster-ip)'])
      expect(linkClauses(text, BASE)).toBe(text);
  });
});
