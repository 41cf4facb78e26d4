import { describe, expect, it } from 'vitest';
import type { NetlinkMessage } from '../../codec/message.ts';
import type { Expression } from './expression.ts';
import { createRuleDecoder, encodeAppendRule } from './rule.ts';

const TABLE = { family: 'ip', name: 't' } as const;
const pick = (modulus: number): readonly Expression[] => [
  { name: 'numgen', dreg: 1, modulus, type: 'random' },
  { name: 'lookup', set: 'endpoints', sreg: 1, dreg: 2 },
];

/** As the kernel lists the rule, but for its handle. */
function listed(chain: string, expressions: readonly Expression[], comment?: string): NetlinkMessage {
  const rule = { expressions, ...(comment === undefined ? {} : { comment }) };
  const { type, flags, payload } = encodeAppendRule(TABLE, chain, rule);
  return { type, flags, sequence: 1, payload: Buffer.from(payload) };
}

describe('rules of a listing', () => {
  it('have the chain, the expressions and the comment of their message, whatever rule came before', () => {
    const rules = [
      { chain: 'pick/4', expressions: pick(4) },
      { chain: 'pick/4', expressions: pick(4), comment: 'again' },
      { chain: 'pick/4', expressions: pick(1) },
      { chain: 'pick/8', expressions: pick(8) },
      { chain: 'pick/8', expressions: [] },
      { chain: 'pick/4', expressions: pick(4) },
    ];
    const decode = createRuleDecoder();
    const decoded = rules.map(({ chain, expressions, comment }) =>
      decode(listed(chain, expressions, comment)),
    );
    expect(decoded).toMatchObject(rules);
    expect(decoded.map((rule) => rule?.comment)).toEqual(rules.map(({ comment }) => comment));
  });

  it('in a row with equal expressions share one list of them', () => {
    const decode = createRuleDecoder();
    const [first, second, other] = [pick(4), pick(4), pick(1)].map((each) => decode(listed('c', each)));
    expect(second?.expressions).toBe(first?.expressions);
    expect(other?.expressions).not.toBe(first?.expressions);
  });
});
