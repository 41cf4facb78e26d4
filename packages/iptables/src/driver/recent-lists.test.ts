import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createRecentLists } from './recent-lists.ts';

const folder = mkdtempSync(join(tmpdir(), 'recent-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the lists of xt_recent', () => {
  it('are empty where the module is not loaded, and where there is no such list', async () => {
    const lists = createRecentLists(join(folder, 'absent'));
    expect(await lists.names()).toEqual({ ok: true, value: [] });
    expect(await lists.read('KUBE-SEP-A')).toEqual({ ok: true, value: [] });
    expect(await lists.touch('KUBE-SEP-A', '10.0.0.1')).toMatchObject({ code: 'not-found' });
  });

  it('are parsed as the kernel prints them, and written as it takes an address', async () => {
    const file = join(folder, 'KUBE-SEP-A');
    writeFileSync(
      file,
      `src=10.244.1.9 ttl: 64 last_seen: 4301951647 oldest_pkt: 2 4301951000, 4301951647
src=fd00:0010:0244:0001:0000:0000:0000:0009 ttl: 0 last_seen: 4301951622 oldest_pkt: 1 4301951622
`,
    );
    const lists = createRecentLists(folder);
    expect(await lists.names()).toEqual({ ok: true, value: ['KUBE-SEP-A'] });
    expect(await lists.read('KUBE-SEP-A')).toEqual({
      ok: true,
      value: [
        { address: '10.244.1.9', lastSeen: 4_301_951_647 },
        { address: 'fd00:10:244:1::9', lastSeen: 4_301_951_622 },
      ],
    });
    expect(await lists.touch('KUBE-SEP-A', '10.244.1.9')).toBeNull();
    expect(readFileSync(file, 'utf8')).toBe('+10.244.1.9');
  });
});
