import { fullChange, type Backend, type SyncResult } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import { createFakeIptables, type FakeIptables } from '@signalbox/iptables/testing';
import { cleanupVariants } from './cleanup.ts';
import { createIptablesBackend } from './iptables-backend.ts';
import { changeBetween, sampleService, sampleState } from '../testing/sample-state.ts';

const STATE = sampleState(Array.from({ length: 20 }, (_, index) => sampleService({ index })));
const EMPTY = changeBetween(STATE, STATE);

function lab(): { readonly fake: FakeIptables; readonly backend: Backend } {
  const fake = createFakeIptables({ family: 'IPv4' });
  return { fake, backend: createIptablesBackend({ family: 'IPv4', driver: fake.driver }) };
}

async function ok(result: Promise<SyncResult>): Promise<SyncResult> {
  const ended = await result;
  expect(ended.error).toBeUndefined();
  return ended;
}

describe('a chain to which a rule of another program jumps', () => {
  it('is emptied with its service, and is no reason for a full sync afterwards', async () => {
    const { fake, backend } = lab();
    await ok(backend.sync(fullChange(STATE)));
    const [chain] = /KUBE-SVC-[A-Z0-9]+/.exec(fake.dumpAll()) ?? [];
    fake.byOthers(`*nat\n:MINE - [0:0]\n-A MINE -j ${chain}\nCOMMIT\n`);
    const none = sampleState([]);
    await ok(backend.sync(fullChange(none)));
    expect(fake.dumpAll()).toContain(`-A MINE -j ${chain}`);
    const later = await ok(backend.sync(changeBetween(none, none)));
    expect(later).toMatchObject({ outcome: 'ok', scope: 'none', repaired: [] });
  });
});

describe('a backend that is no longer watched', () => {
  it('compares with the kernel in its syncs again', async () => {
    const { fake, backend } = lab();
    await ok(backend.sync(fullChange(STATE)));
    backend.watch?.(() => undefined)();
    const before = fake.dumpAll();
    const [chain] = /KUBE-SVC-[A-Z0-9]+/.exec(before) ?? [];
    fake.byOthers(`*nat\n-A ${chain} -j RETURN\nCOMMIT\n`);
    expect(fake.dumpAll()).not.toBe(before);
    expect(await ok(backend.sync(EMPTY))).toMatchObject({ scope: 'full' });
    expect(fake.dumpAll()).toBe(before);
  });
});

describe('cleanup', () => {
  it('removes a jump as another version of kube-proxy writes it, which its comment shows', async () => {
    const { fake, backend } = lab();
    fake.byOthers('*nat\n:DOCKER - [0:0]\n-A PREROUTING -j DOCKER\nCOMMIT\n');
    const before = fake.dumpAll();
    fake.byOthers(
      '*nat\n:KUBE-SERVICES - [0:0]\n' +
        '-A PREROUTING -m conntrack --ctstate NEW -m comment --comment "kubernetes service portals" -j KUBE-SERVICES\n' +
        'COMMIT\n',
    );
    expect(await backend.cleanup()).toMatchObject({ outcome: 'ok' });
    expect(fake.dumpAll()).toBe(before);
  });

  it('leaves rules that are not owned exactly as they were, in both variants', async () => {
    const unowned =
      '*nat\n:DOCKER - [0:0]\n-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER\n-A DOCKER -i docker0 -j RETURN\nCOMMIT\n' +
      '*filter\n:KUBE-FIREWALL - [0:0]\n-A INPUT -j KUBE-FIREWALL\n-A KUBE-FIREWALL -m mark --mark 0x8000/0x8000 -j DROP\nCOMMIT\n' +
      '*mangle\n:KUBE-KUBELET-CANARY - [0:0]\nCOMMIT\n';
    const legacy = createFakeIptables({ family: 'IPv4', variant: 'legacy' });
    const nft = createFakeIptables({ family: 'IPv4', other: legacy });
    for (const fake of [legacy, nft]) fake.byOthers(unowned);
    const before = [legacy, nft].map((fake) => fake.dumpAll());
    for (const fake of [legacy, nft]) {
      await ok(createIptablesBackend({ family: 'IPv4', driver: fake.driver }).sync(fullChange(STATE)));
    }
    const backend = createIptablesBackend({ family: 'IPv4', driver: nft.driver });
    const result = await backend.cleanup();
    expect(result).toMatchObject({ outcome: 'ok' });
    expect(result.outcome === 'ok' ? result.removed.length : 0).toBe(10);
    expect([legacy, nft].map((fake) => fake.dumpAll())).toEqual(before);
    expect(await backend.cleanup()).toEqual({ outcome: 'ok', removed: [] });
  });

  it('leaves rules that another mode uses, in the variant that it uses', async () => {
    const legacy = createFakeIptables({ family: 'IPv4', variant: 'legacy' });
    const nft = createFakeIptables({ family: 'IPv4', other: legacy });
    for (const fake of [legacy, nft]) {
      await ok(createIptablesBackend({ family: 'IPv4', driver: fake.driver }).sync(fullChange(STATE)));
    }
    const kept = {
      isOwnChain: (table: string, name: string) => table === 'nat' && name === 'KUBE-POSTROUTING',
      isOwnJump: (_: string, chain: string) => chain === 'POSTROUTING',
    };
    const chain = nft.dump('nat').match(/.*KUBE-POSTROUTING.*/g);
    expect(await cleanupVariants(nft.driver, kept)).toMatchObject({ outcome: 'ok' });
    expect(nft.dump('nat').match(/.*KUBE-.*/g)).toEqual(chain);
    expect(nft.dumpAll().match(/:KUBE-\S+/g)).toEqual([':KUBE-POSTROUTING']);
    expect(legacy.dumpAll()).not.toContain(':KUBE-');
  });

  it('leaves everything in the variant that the running iptables mode uses', async () => {
    const legacy = createFakeIptables({ family: 'IPv4', variant: 'legacy' });
    const nft = createFakeIptables({ family: 'IPv4', other: legacy });
    for (const fake of [legacy, nft]) {
      await ok(createIptablesBackend({ family: 'IPv4', driver: fake.driver }).sync(fullChange(STATE)));
    }
    const before = nft.dumpAll();
    expect(await cleanupVariants(nft.driver, 'all')).toMatchObject({ outcome: 'ok' });
    expect(nft.dumpAll()).toBe(before);
    expect(legacy.dumpAll()).not.toContain('KUBE-SERVICES');
  });

  it('removes the rules of a kube-proxy in iptables mode', async () => {
    const { fake, backend } = lab();
    const before = fake.dumpAll();
    fake.byOthers(
      '*filter\n:KUBE-SERVICES - [0:0]\n:KUBE-FORWARD - [0:0]\n' +
        '-A OUTPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes service portals" -j KUBE-SERVICES\n' +
        '-A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD\nCOMMIT\n' +
        '*nat\n:KUBE-SERVICES - [0:0]\n:KUBE-SVC-AAAAAAAAAAAAAAAA - [0:0]\n:KUBE-SEP-AAAAAAAAAAAAAAAA - [0:0]\n:KUBE-PROXY-CANARY - [0:0]\n' +
        '-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES\n' +
        '-A KUBE-SERVICES -j KUBE-SVC-AAAAAAAAAAAAAAAA\n-A KUBE-SVC-AAAAAAAAAAAAAAAA -j KUBE-SEP-AAAAAAAAAAAAAAAA\nCOMMIT\n',
    );
    expect(await backend.cleanup()).toMatchObject({ outcome: 'ok' });
    expect(fake.dumpAll()).toBe(before);
  });

  it('keeps the masquerade chain of a kubelet that has its own, and chains to which rules that are not owned jump', async () => {
    const { fake, backend } = lab();
    fake.byOthers('*nat\n:KUBE-MARK-DROP - [0:0]\n:MINE - [0:0]\nCOMMIT\n');
    await ok(backend.sync(fullChange(STATE)));
    fake.byOthers('*nat\n-A MINE -j KUBE-POSTROUTING\nCOMMIT\n');
    expect(await backend.cleanup()).toMatchObject({ outcome: 'ok' });
    const nat = fake.kernel.table('nat');
    expect(nat.get('KUBE-MARK-MASQ')?.length).toBe(1);
    expect(nat.get('KUBE-POSTROUTING')).toEqual([]);
    expect(nat.get('MINE')?.length).toBe(1);
  });

  it('makes the next sync write everything', async () => {
    const { backend } = lab();
    await ok(backend.sync(fullChange(STATE)));
    await backend.cleanup();
    expect((await ok(backend.sync(EMPTY))).scope).toBe('full');
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
  });
});
