#!/usr/bin/env node
// Builds lib/Signalbox.Hcn.dll from Hcn.cs with Mono's mcs. The built DLL is committed, for machines without mcs.
// `--check`: compares the committed DLL with a new build (mcs writes a new module id and time each run, so
// the code is compared, not the bytes).
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const here = import.meta.dirname;
const target = path.join(here, '../lib/Signalbox.Hcn.dll');
const check = process.argv.includes('--check');

function hasCompiler() {
  try {
    execFileSync('mcs', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function compile(output) {
  // Warnings are errors: there is no other lint for this file.
  const options = [
    '-langversion:5',
    '-target:library',
    '-warn:4',
    '-warnaserror',
    '-optimize',
    `-out:${output}`,
  ];
  execFileSync('mcs', [...options, path.join(here, 'Hcn.cs')], { stdio: 'inherit' });
}

/** The assembly without what differs between two builds of one source: PE time stamp and module version id. */
function fingerprint(file) {
  const bytes = readFileSync(file);
  const pe = bytes.readUInt32LE(0x3c);
  bytes.writeUInt32LE(0, pe + 8);
  const guids = bytes.indexOf(Buffer.from('#GUID\0', 'latin1'));
  const metadata = bytes.indexOf(Buffer.from('BSJB', 'latin1'));
  const heap = metadata + bytes.readUInt32LE(guids - 8);
  bytes.fill(0, heap, heap + bytes.readUInt32LE(guids - 4));
  return createHash('sha256').update(bytes).digest('hex');
}

if (!hasCompiler()) {
  if (!existsSync(target)) throw new Error('no mcs, and no built DLL: apt-get install mono-mcs');
  process.stdout.write('no mcs: the committed Signalbox.Hcn.dll is used\n');
} else if (check) {
  const folder = mkdtempSync(path.join(tmpdir(), 'signalbox-hcn-'));
  const built = path.join(folder, 'Signalbox.Hcn.dll');
  compile(built);
  const same = fingerprint(built) === fingerprint(target);
  rmSync(folder, { recursive: true });
  if (!same)
    throw new Error('lib/Signalbox.Hcn.dll is not what Hcn.cs gives: run nx build-csharp and commit it');
  process.stdout.write('lib/Signalbox.Hcn.dll is what Hcn.cs gives\n');
} else {
  compile(target);
}
