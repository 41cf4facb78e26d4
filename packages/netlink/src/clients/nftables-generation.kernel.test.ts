import { execFileSync } from 'node:child_process';
import { afterAll, describe, expect, it } from 'vitest';
import { createNftablesClient } from './nftables-client.ts';

const client = createNftablesClient();

afterAll(() => client.close());

async function generation(): Promise<number> {
  const result = await client.generation();
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

describe('the generation of nf_tables', () => {
  it.each(['iptables-nft', 'ip6tables-nft'])(
    'is raised by one for each table that %s writes',
    async (tool) => {
      const before = await generation();
      execFileSync(tool, ['-t', 'nat', '-N', 'ONE']);
      expect(await generation()).toBe(before + 1);
      execFileSync(`${tool}-restore`, ['--noflush'], {
        input: '*nat\n-F ONE\n-X ONE\nCOMMIT\n*filter\n:TWO - [0:0]\nCOMMIT\n*filter\n-X TWO\nCOMMIT\n',
      });
      expect(await generation()).toBe(before + 4);
    },
  );

  it('stays for listings, and for what is refused', async () => {
    const before = await generation();
    execFileSync('iptables-nft-save');
    execFileSync('iptables-nft', ['-t', 'nat', '-S']);
    expect(() => execFileSync('iptables-nft', ['-A', 'NOWHERE'], { stdio: 'ignore' })).toThrow();
    expect(await generation()).toBe(before);
  });
});
