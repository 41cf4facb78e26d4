import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { takeInstanceLock, type InstanceLock, type LockPlace } from './instance-lock.ts';

const NOBODY = 65_534;

/** Listens on the address it is given and prints a line then, or the code of the error. */
const LISTENER = `
const [address] = process.argv.slice(1);
require('node:net').createServer().on('error', ({ code }) => console.log(code))
  .listen(address.replace('@', '\\0'), () => console.log('listening'));
`;

const rig = { parent: '', place: { folder: '', namespace: '' } as LockPlace };
const started: (() => void)[] = [];
beforeEach(() => {
  rig.parent = mkdtempSync(join(tmpdir(), 'instance-lock-'));
  rig.place = { folder: join(rig.parent, 'run'), namespace: `${process.pid}${rig.parent.slice(-6)}` };
});
afterEach(() => {
  for (const end of started.splice(0)) end();
  rmSync(rig.parent, { recursive: true, force: true });
});

async function take(): Promise<InstanceLock> {
  const lock = await takeInstanceLock(rig.place);
  started.push(lock.release);
  return lock;
}

/** Another process on `address`; what it printed first. */
async function listener(address: string, options: { readonly uid?: number } = {}) {
  const child = spawn(process.execPath, ['-e', LISTENER, address], { ...options, cwd: '/' });
  started.push(() => child.kill('SIGKILL'));
  const failed = once(child, 'error').then(([error]) => String(error));
  const printed = await Promise.race([
    once(child.stdout, 'data').then(([chunk]) => String(chunk).trim()),
    failed,
  ]);
  const kill = async (): Promise<void> => {
    const closed = once(child, 'close');
    child.kill('SIGKILL');
    await closed;
  };
  return { printed, kill };
}

const socket = (number: number): string =>
  join(rig.place.folder, `instance-${rig.place.namespace}-${number}.sock`);
const files = (): readonly string[] =>
  readdirSync(rig.place.folder).map((name) => join(rig.place.folder, name));

describe('the lock of an instance', () => {
  it('is refused to a second process while the first one holds it, and given to it afterwards', async () => {
    const first = await take();
    expect(first).toMatchObject({ kind: 'taken', exclusive: true });
    expect(await take()).toMatchObject({ kind: 'held', exclusive: true });
    expect(files(), 'no drafts').toEqual([socket(1)]);
    first.release();
    expect(await take()).toMatchObject({ kind: 'taken' });
    expect(files(), 'the file of the holder alone').toEqual([socket(2)]);
  });

  it('is held by a process that listens, and acquired from one that was killed', async () => {
    mkdirSync(rig.place.folder);
    const holder = await listener(socket(41));
    expect(holder.printed).toBe('listening');
    expect(await take()).toMatchObject({ kind: 'held' });
    await holder.kill();
    expect(files()).toEqual([socket(41)]);
    expect(await take()).toMatchObject({ kind: 'taken' });
    expect(files()).toEqual([socket(42)]);
  });

  it('is acquired by one process alone when many find its holder dead at the same time', async () => {
    let holder: InstanceLock | null = null;
    for (let round = 0; round < 20; round += 1) {
      holder?.release();
      const locks = await Promise.all(Array.from({ length: 8 }, take));
      const holders = locks.filter(({ kind }) => kind === 'taken');
      expect(holders).toHaveLength(1);
      holder = holders[0] ?? null;
      expect(files()).toHaveLength(1);
    }
  });

  it('is held by the process with the highest number, and by no other that listens', async () => {
    mkdirSync(rig.place.folder);
    const [low, high] = [await listener(socket(9)), await listener(socket(10))];
    expect([low.printed, high.printed]).toEqual(['listening', 'listening']);
    await high.kill();
    expect(await take()).toMatchObject({ kind: 'taken' });
    expect(files()).toEqual([socket(11)]);
  });

  it('is one for each network namespace', async () => {
    expect(await take()).toMatchObject({ kind: 'taken' });
    rig.place = { ...rig.place, namespace: `${rig.place.namespace}9` };
    expect(await take()).toMatchObject({ kind: 'taken' });
  });

  it('closes a folder that kubelet made for every user to read', async () => {
    mkdirSync(rig.place.folder);
    chmodSync(rig.place.folder, 0o755);
    expect(await take()).toMatchObject({ kind: 'taken', exclusive: true });
    expect(statSync(rig.place.folder).mode & 0o777).toBe(0o700);
  });

  it('cannot be held by another user', async (context) => {
    chmodSync(rig.parent, 0o755);
    mkdirSync(rig.place.folder, { mode: 0o700 });
    const abstract = await listener(`@signalbox-${rig.place.namespace}`, { uid: NOBODY });
    if (abstract.printed !== 'listening') context.skip(`no process of another user: ${abstract.printed}`);
    expect((await listener(socket(7), { uid: NOBODY })).printed).toBe('EACCES');
    expect(await take()).toMatchObject({ kind: 'taken', exclusive: true });
  });

  it('is an abstract socket, and not exclusive, where the folder cannot be written', async () => {
    writeFileSync(join(rig.parent, 'plain'), '');
    rig.place = { ...rig.place, folder: join(rig.parent, 'plain') };
    const lock = await take();
    expect(lock).toMatchObject({ kind: 'taken', exclusive: false });
    expect(await take()).toMatchObject({ kind: 'held', exclusive: false });
    lock.release();
    expect(await take()).toMatchObject({ kind: 'taken', exclusive: false });
  });
});
