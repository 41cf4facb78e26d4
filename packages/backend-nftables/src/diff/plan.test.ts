import { describe, expect, it } from 'vitest';
import { rule } from '../objects/rule.ts';
import type { Operation } from '../objects/operation.ts';
import { createPlan } from './plan.ts';

const chain = (name: string) => ({ name, rules: [rule([], { kind: 'masquerade' })] });
const set = (name: string) => ({ name, key: ['ipv4_addr'] as const });

/** `add-elements service-ips`, `write-rules services`. */
function words(operations: readonly Operation[]): readonly string[] {
  return operations.map((operation) => {
    if ('chain' in operation) return `${operation.kind} ${operation.chain.name}`;
    if (!('set' in operation))
      return 'name' in operation ? `${operation.kind} ${operation.name}` : operation.kind;
    return `${operation.kind} ${typeof operation.set === 'string' ? operation.set : operation.set.name}`;
  });
}

describe('a plan', () => {
  it('has endpoints ahead of the verdicts that lead to them, and deletes in the reverse order', () => {
    const plan = createPlan();
    for (const name of [
      'service-ips',
      'no-endpoint-services',
      'cluster-endpoints',
      'cluster-ips',
      'firewall-ips',
    ]) {
      plan.changeElement(name, 'new', { before: undefined, after: 'data' });
      plan.changeElement(name, 'old', { before: 'data', after: undefined });
      plan.changeElement(name, 'other', { before: 'one', after: 'two' });
    }
    plan.deleteChain('old/chain');
    plan.rewriteChain(chain('services'));
    plan.addChain(chain('new/chain'));
    plan.addSet(set('new-set'));
    plan.deleteSet('old-set');
    plan.addTable();
    expect(words(plan.operations())).toEqual([
      'add-table',
      'add-set new-set',
      'add-chain new/chain',
      'write-rules new/chain',
      'add-elements cluster-endpoints',
      'replace-elements cluster-endpoints',
      'add-elements cluster-ips',
      'replace-elements cluster-ips',
      'add-elements firewall-ips',
      'replace-elements firewall-ips',
      'add-elements no-endpoint-services',
      'replace-elements no-endpoint-services',
      'write-rules services',
      'add-elements service-ips',
      'replace-elements service-ips',
      'delete-elements service-ips',
      'delete-elements no-endpoint-services',
      'delete-elements firewall-ips',
      'delete-elements cluster-ips',
      'delete-elements cluster-endpoints',
    ]);
    expect(words(plan.removals())).toEqual([
      'flush-chain old/chain',
      'delete-chain old/chain',
      'delete-set old-set',
    ]);
  });

  it('creates all new chains ahead of the first rule, so that rules may name any of them', () => {
    const plan = createPlan();
    plan.addChain(chain('a'));
    plan.addChain(chain('b'));
    expect(words(plan.operations())).toEqual([
      'add-chain a',
      'add-chain b',
      'write-rules a',
      'write-rules b',
    ]);
  });

  it('makes a set anew before rules of new chains look it up in its new form', () => {
    const plan = createPlan();
    plan.addChain(chain('a'));
    plan.recreateSet(set('changed'), [chain('b')]);
    expect(words(plan.operations())).toEqual(['add-chain a', 'recreate-set changed', 'write-rules a']);
  });

  it('is empty until something differs', () => {
    const plan = createPlan();
    expect(plan.isEmpty).toBe(true);
    expect([...plan.operations(), ...plan.removals()]).toEqual([]);
    plan.changeElement('service-ips', 'key', { before: undefined, after: 'drop' });
    expect(plan.isEmpty).toBe(false);
  });
});
