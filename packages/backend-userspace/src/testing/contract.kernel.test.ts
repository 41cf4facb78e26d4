/** The contract with real sockets and addresses, in the network namespace of the suite. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { contractCases, type ContractKernel } from '@signalbox/backend-kit/testing';
import type { Family } from '@signalbox/core';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { SERVICE_DEVICE } from '../objects/observed.ts';
import { createUserspaceBackend } from '../userspace-backend.ts';

const HOST = { IPv4: '192.0.2.10/32', IPv6: '2001:db8::10/128' } as const;
const OTHER = { IPv4: '198.51.100.200/32', IPv6: '2001:db8::c8/128' } as const;

function ip(...args: readonly string[]): string {
  return execFileSync('ip', [...args], { encoding: 'utf8' });
}

beforeAll(() => {
  ip('link', 'set', 'lo', 'up');
  for (const address of Object.values(HOST)) ip('address', 'replace', address, 'dev', 'lo');
});
afterAll(() => {
  for (const address of [...Object.values(HOST), ...Object.values(OTHER)]) {
    ip('address', 'replace', address, 'dev', 'lo');
    ip('address', 'delete', address, 'dev', 'lo');
  }
});

function addressesOnDevice(family: Family): readonly string[] {
  const listed = ip('-o', family === 'IPv4' ? '-4' : '-6', 'address', 'show');
  return listed
    .split('\n')
    .filter((line) => line.includes(` ${SERVICE_DEVICE} `))
    .map((line) => line.trim().replace(/^\d+: /, ''))
    .toSorted();
}

/** Listening sockets in `/proc/net` of the namespace: TCP in state LISTEN (0A), and all UDP sockets. */
function sockets(family: Family): readonly string[] {
  const suffix = family === 'IPv4' ? '' : '6';
  const read = (protocol: string): readonly string[] => {
    const lines = readFileSync(`/proc/self/net/${protocol}${suffix}`, 'utf8');
    const rows = lines
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/));
    return rows
      .filter(([, local, , state]) => local !== undefined && (protocol === 'udp' || state === '0A'))
      .map(([, local]) => `${protocol} ${local}`);
  };
  return [...read('tcp'), ...read('udp')].toSorted();
}

function createKernel(family: Family, workers: number): Promise<ContractKernel> {
  return Promise.resolve({
    createBackend: () => createUserspaceBackend({ family, workers }),
    snapshot: () => Promise.resolve([...addressesOnDevice(family), ...sockets(family)].join('\n')),
    damage: () => {
      const [, , address = ''] = addressesOnDevice(family)[0]?.split(/\s+/) ?? [];
      ip('address', 'delete', address, 'dev', SERVICE_DEVICE);
      return Promise.resolve();
    },
    addOthers: () => Promise.resolve(void ip('address', 'replace', OTHER[family], 'dev', 'lo')),
    hasOthers: () => Promise.resolve(ip('address', 'show', 'dev', 'lo').includes(` ${OTHER[family]} `)),
    close: async () => {
      const backend = createUserspaceBackend({ family });
      await backend.cleanup();
      await backend.close();
    },
  });
}

describe.each([
  ['IPv4', 1],
  ['IPv6', 1],
  ['IPv4', 2],
] as const)('the userspace backend with real sockets, %s, threads: %d', (family, workers) => {
  for (const { title, run } of contractCases({
    family,
    endsWithProcess: true,
    createKernel: () => createKernel(family, workers),
  }))
    it(title, run);
});
