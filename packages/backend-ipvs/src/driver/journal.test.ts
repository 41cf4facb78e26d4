import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fileJournal, parseJournal } from './journal.ts';

const place = { folder: '' };
const NOTHING = { owned: new Set<string>(), others: new Set<string>() };
beforeAll(async () => {
  place.folder = await mkdtemp(path.join(tmpdir(), 'signalbox-journal-'));
});
afterAll(() => rm(place.folder, { recursive: true }));

describe('the journal', () => {
  it('keeps what was saved, and leaves no drafts', async () => {
    const file = path.join(place.folder, 'new/folder/ipvs.json');
    const journal = fileJournal(file);
    expect(await journal.load()).toBeNull();
    const content = {
      owned: new Set(['TCP 10.96.0.1:443', 'SCTP [fd00::1]:9']),
      others: new Set(['TCP 192.0.2.1:80']),
    };
    expect(await journal.save(content)).toBeNull();
    expect(await fileJournal(file).load()).toEqual(content);
    expect(await readdir(path.dirname(file))).toEqual(['ipvs.json']);
    expect((await stat(file)).mode & 0o777, 'not for other users').toBe(0o600);
    expect(await journal.remove()).toBeNull();
    expect(await journal.load()).toBeNull();
    expect(await journal.remove(), 'removing what is gone').toBeNull();
  });

  it('is ignored when its content is not valid', async () => {
    const file = path.join(place.folder, 'torn.json');
    await fileJournal(file).save({ owned: new Set(['TCP 10.96.0.1:443']), others: new Set() });
    const whole = await readFile(file, 'utf8');
    for (let length = 0; length < whole.trimEnd().length; length += 7) {
      await writeFile(file, whole.slice(0, length));
      expect(await fileJournal(file).load(), whole.slice(0, length)).toBeNull();
    }
  });

  it.each([
    'null',
    '[]',
    '{"version":2,"virtualServers":[]}',
    '{"version":1,"virtualServers":[1]}',
    '{"version":1}',
    '{"version":1,"virtualServers":[],"others":{}}',
  ])('does not take %s for one', (text) => expect(parseJournal(text)).toBeNull());

  it('reports why it cannot be written', async () => {
    const file = path.join(place.folder, 'plain');
    await writeFile(file, '');
    const error = await fileJournal(path.join(file, 'ipvs.json')).save(NOTHING);
    expect(error).toMatchObject({ code: 'unavailable', operation: 'journal', kernel: 'unchanged' });
    expect(error?.message).toContain(file);
  });
});
