/** What the driver makes of odd answers, with clients that give them. */
import type {
  IpsetClient,
  IpvsClient,
  LinkAddressState,
  NetlinkError,
  RouteClient,
} from '@signalbox/netlink';
import { createManualClock } from '@signalbox/core/testing';
import { describe, expect, it } from 'vitest';
import type { IpSetEntry } from '../objects/ip-set.ts';
import { applyOperations } from './apply-operations.ts';
import type { Clients } from './clients.ts';
import { observeKernel } from './observe-kernel.ts';
import { probeKernel } from './probe.ts';

const DONE = { ok: true, value: undefined } as const;

function netlinkError(code: NetlinkError['code'], more: Partial<NetlinkError> = {}): NetlinkError {
  return { code, operation: 'TEST', message: code, ...more };
}

/** Only what a test asks for is there. */
function clients(given: {
  readonly ipvs?: Partial<IpvsClient>;
  readonly ipset?: Partial<IpsetClient>;
  readonly route?: Partial<RouteClient>;
}): Clients {
  return { ipvs: {}, ipset: {}, route: {}, ...given } as Clients;
}

async function apply(of: Clients, operation: Parameters<typeof applyOperations>[1][number]) {
  const [failures = []] = await applyOperations(
    { clients: of, iptables: {} as never, clock: createManualClock() },
    [operation],
  );
  return failures.map(({ error, index }) => [error.code, index]);
}

describe('a set that is replaced', () => {
  const entries: readonly IpSetEntry[] = [1, 2, 3].map((host) => ({
    kind: 'address-port',
    address: `10.96.0.${host}`,
    protocol: 'TCP',
    port: 80,
  })) as never;
  const replace = async (addEntries: IpsetClient['addEntries']) => {
    const calls: string[] = [];
    const note = (name: string) => async (set: unknown) => {
      calls.push(`${name} ${typeof set === 'string' ? set : ''}`.trim());
      return DONE;
    };
    const ipset = {
      destroySet: note('destroy'),
      createSet: note('create'),
      swapSets: note('swap'),
      addEntries,
    };
    const set = {
      name: 'KUBE-CLUSTER-IP',
      type: 'hash:ip,port',
      family: 'IPv4',
      maxElements: 65_536,
    } as never;
    const failures = await apply(clients({ ipset }), { kind: 'set-replace', set, entries });
    return { calls, failures };
  };

  it('keeps what it holds where the new content could not be made ready', async () => {
    const { calls, failures } = await replace(async () => ({ ok: false, error: netlinkError('timeout') }));
    expect(calls).toEqual(['destroy KUBE-CLUSTER-IP-NEW', 'create', 'destroy KUBE-CLUSTER-IP-NEW']);
    expect(failures).toEqual([0, 1, 2].map((index) => ['timeout', index]));
  });

  it('is replaced all the same where single entries are refused', async () => {
    let asked = 0;
    const { calls, failures } = await replace(async () =>
      ++asked === 1 ? { ok: false, error: netlinkError('rejected', { index: 1 }) } : DONE,
    );
    expect(calls).toContain('swap KUBE-CLUSTER-IP-NEW');
    expect(failures).toEqual([['rejected', 1]]);
  });
});

describe('deletion of an address of kube-ipvs0', () => {
  const link = { name: 'kube-ipvs0', kind: 'dummy', index: 7, flags: 0, mtu: 1500 };
  const held: LinkAddressState = {
    family: 'IPv4',
    address: '10.9.9.9',
    prefixLength: 24,
    linkIndex: 7,
    scope: 'global',
    flags: 0,
  };

  it.each([
    ['deletes the address whatever its prefix length', [held], []],
    ['fails if the address is not on the device', [], [['not-found', 0]]],
  ])('%s', async (_, addresses, desired) => {
    const deleted: string[] = [];
    const route: Partial<RouteClient> = {
      getLink: async () => ({ ok: true, value: link }),
      listAddresses: async () => ({ ok: true, value: addresses }),
      applyAddresses: async (changes) => {
        const outcomes = changes.map(({ address: { address, prefixLength } }) => {
          if (prefixLength !== 24) return netlinkError('not-found');
          deleted.push(`${address}/${prefixLength}`);
          return undefined;
        });
        return { ok: true, value: outcomes };
      },
    };
    expect(await apply(clients({ route }), { kind: 'address-delete', address: '10.9.9.9' })).toEqual(desired);
    expect(deleted).toEqual(addresses.length === 0 ? [] : ['10.9.9.9/24']);
  });
});

describe('the addresses of a host with many interfaces', () => {
  it('are listed once, however many interfaces there are', async () => {
    const asked: unknown[] = [];
    const addresses = Array.from({ length: 500 }, (_, at): LinkAddressState => ({
      family: 'IPv4',
      address: `10.8.${at >> 8}.${at & 255}`,
      prefixLength: 32,
      linkIndex: 10 + at,
      scope: 'global',
      flags: 0,
    }));
    const route: Partial<RouteClient> = {
      getLink: async () => ({ ok: false, error: netlinkError('not-found') }),
      listAddresses: async (selection) => {
        asked.push(selection);
        return { ok: true, value: addresses };
      },
    };
    const ipvs: Partial<IpvsClient> = { listServices: async () => ({ ok: true, value: [] }) };
    const ipset: Partial<IpsetClient> = { listNames: async () => ({ ok: true, value: [] }) };
    const seen = await observeKernel(clients({ route, ipvs, ipset }), 'IPv4', () => undefined);
    expect(seen.ok && seen.value.hostAddresses.size).toBe(500);
    expect(asked).toEqual([undefined]);
  });
});

describe('the trial of a scheduler', () => {
  /** A kernel that has every scheduler, and perhaps what a killed process left. */
  const kernel = (left: string | null, deletes: 'work' | 'fail' = 'work') => {
    const state = { scheduler: left };
    const ipvs: Partial<IpvsClient> = {
      listServices: async () => ({ ok: true, value: [] }),
      getService: async (key) =>
        state.scheduler === null
          ? { ok: false, error: netlinkError('not-found') }
          : ({ ok: true, value: { ...key, scheduler: state.scheduler } } as never),
      apply: async ([change]) => {
        if (change?.kind === 'add-service') {
          if (state.scheduler !== null) return { ok: true, value: [netlinkError('exists')] };
          state.scheduler = change.service.scheduler;
        } else if (deletes === 'fail') return { ok: true, value: [netlinkError('rejected')] };
        else state.scheduler = null;
        return { ok: true, value: [undefined] };
      },
    };
    const ipset: Partial<IpsetClient> = { protocol: async () => ({ ok: true, value: 7 }) as never };
    return { state, probe: () => probeKernel(clients({ ipvs, ipset }), 'wrr') };
  };

  it.each([null, 'rr', 'wrr'])('is not in the way of the next one (left: %s)', async (left) => {
    const { state, probe } = kernel(left);
    expect(await probe()).toBeNull();
    expect(state.scheduler).toBeNull();
  });

  it('that leaves its virtual server behind fails', async () => {
    expect(await kernel(null, 'fail').probe()).toMatchObject({ code: 'rejected' });
  });
});

describe('an address of the device of userspace mode', () => {
  it('is no address that the host has anyway: it goes with the device', async () => {
    const indexes: Readonly<Record<string, number>> = { 'kube-ipvs0': 7, 'kube-userspace0': 8 };
    const at = (linkIndex: number, address: string): LinkAddressState =>
      ({ family: 'IPv4', address, prefixLength: 32, linkIndex, scope: 'host', flags: 0 }) as const;
    const route: Partial<RouteClient> = {
      getLink: async (link) => {
        const index = 'name' in link ? (indexes[link.name] ?? 1) : link.index;
        return { ok: true, value: { index, name: '', flags: 0, mtu: 0, kind: 'dummy' } };
      },
      listAddresses: async () => ({ ok: true, value: [at(2, '192.0.2.10'), at(8, '10.96.0.1')] }),
    };
    const refuse = async () => ({ ok: false, error: netlinkError('unsupported') }) as const;
    const of = clients({
      route,
      ipvs: { listServices: async () => ({ ok: true, value: [] }) },
      ipset: { listNames: async () => ({ ok: true, value: [] }), listSets: refuse },
    });
    const seen = await observeKernel(of, 'IPv4', () => undefined);
    expect(seen.ok && [...seen.value.hostAddresses]).toEqual(['192.0.2.10']);
  });
});
