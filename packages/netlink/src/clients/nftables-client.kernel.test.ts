import { execFileSync } from 'node:child_process';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { encodeBatch } from '../families/nftables/batch.ts';
import { encodeDeleteTable, type NftablesTable } from '../families/nftables/table.ts';
import { openNetlink } from '../socket/open-netlink.ts';
import { createNftablesClient } from './nftables-client.ts';

const client = createNftablesClient();
const IPV4: NftablesTable = { family: 'ip', name: 'kube-proxy' };
const IPV6: NftablesTable = { family: 'ip6', name: 'kube-proxy' };
const OTHER: NftablesTable = { family: 'inet', name: 'kube-proxy-2' };

const nft = (ruleset: string): string =>
  execFileSync('nft', ['-f', '-'], { input: ruleset, encoding: 'utf8' });
const listed = (): string => execFileSync('nft', ['list', 'tables'], { encoding: 'utf8' });

/** Everything that keeps an object of nf_tables in use: a hook, jumps, a verdict map, an object that a rule names. */
const CONTENT = `{
  counter dropped { }
  set cluster-ips { type ipv4_addr; flags interval; elements = { 10.96.0.0/16 } }
  map service-ips { type ipv4_addr . inet_service : verdict; elements = { 10.96.0.1 . 443 : goto service } }
  chain service {
    counter name "dropped" drop
  }
  chain output {
    type nat hook output priority -100;
    ip daddr . tcp dport vmap @service-ips
    ip daddr @cluster-ips jump service
  }
}`;

beforeEach(() => {
  nft(`flush ruleset
    table ip kube-proxy ${CONTENT}
    table ip6 kube-proxy
    add chain ip6 kube-proxy a
    table inet kube-proxy-2`);
});

afterAll(() => {
  nft('flush ruleset');
  client.close();
});

describe('tables', () => {
  it('are listed, of all families', async () => {
    expect(await client.listTables()).toEqual({ ok: true, value: [IPV4, IPV6, OTHER] });
  });

  it('F89: are deleted with all that is in them, and no other is', async () => {
    expect(await client.deleteTable(IPV4)).toEqual({ ok: true, value: null });
    expect(listed()).toBe('table ip6 kube-proxy\ntable inet kube-proxy-2\n');
    expect(await client.deleteTable(IPV6)).toEqual({ ok: true, value: null });
    expect(listed()).toBe('table inet kube-proxy-2\n');
  });

  it('that are dormant are listed as such', async () => {
    nft('add table inet kube-proxy-2 { flags dormant; }');
    const dormant = { ...OTHER, dormant: true };
    expect(await client.listTables()).toEqual({ ok: true, value: [IPV4, IPV6, dormant] });
  });

  it('that do not exist are not found', async () => {
    const missing = { family: 'ip', name: 'kube-proxy-2' } as const;
    expect(await client.deleteTable(missing)).toMatchObject({
      ok: false,
      error: { code: 'not-found', message: 'ENOENT: table ip kube-proxy-2' },
    });
    expect(await client.listTables()).toMatchObject({ ok: true, value: [IPV4, IPV6, OTHER] });
  });

  it('of one batch go together or not at all', async () => {
    const transport = openNetlink('netfilter');
    const missing = { family: 'ip6', name: 'none' } as const;
    const deleting = (...tables: readonly NftablesTable[]) =>
      transport.transaction(encodeBatch(tables.map(encodeDeleteTable)));
    expect(await deleting(IPV4, missing, OTHER)).toMatchObject({ ok: false, error: { index: 1 } });
    expect(listed()).toContain('table ip kube-proxy\n');
    expect(await deleting(IPV4, OTHER)).toEqual({ ok: true, value: null });
    expect(listed()).toBe('table ip6 kube-proxy\n');
    transport.close();
  });
});

describe('rules', () => {
  const identities = async (): Promise<readonly string[]> => {
    const [full, listed] = [await client.listRules(IPV4), await client.listRuleIdentities(IPV4)];
    if (!full.ok || !listed.ok) throw new Error('not listed');
    expect(full.value).toMatchObject(listed.value);
    return listed.value.map(({ handle, digest }) => `${handle} ${digest}`);
  };

  it('have the same identity at each listing, also one replaced in its place by an equal one', async () => {
    const before = await identities();
    expect(before).toHaveLength(3);
    const [handle] = before[0]?.split(' ') ?? [];
    nft(`replace rule ip kube-proxy service handle ${handle} counter name "dropped" drop`);
    expect(await identities()).toEqual(before);
  });

  it('that are replaced in their place have another identity, though the handle stays', async () => {
    const [first = '', ...others] = await identities();
    const [handle] = first.split(' ');
    nft(`replace rule ip kube-proxy service handle ${handle} drop`);
    const [replaced, ...rest] = await identities();
    expect(rest).toEqual(others);
    expect(replaced).toMatch(new RegExp(`^${handle} `));
    expect(replaced).not.toBe(first);
  });
});

describe('a set of more elements than a datagram takes', () => {
  it('is read part by part, each element once', async () => {
    const elements = Array.from({ length: 5000 }, (_, index) => `10.1.${index >> 8}.${index & 255}`);
    nft(`add set ip kube-proxy many { type ipv4_addr; elements = { ${elements.join(', ')} } }`);
    const parts = await client.readElements(IPV4, 'many', (part) => part.map(({ key }) => key.join('.')));
    if (!parts.ok) throw new Error(parts.error.message);
    // Datagrams of 32 KB: with those of 4 KB the time would grow with the square of the elements.
    expect(parts.value.length).toBeGreaterThan(1);
    expect(parts.value.length).toBeLessThan(10);
    expect(parts.value.flat().toSorted()).toEqual(elements.toSorted());
  });
});
