/** The command `signalbox`. */
// oxlint-disable import/no-unassigned-import -- first of all: signals arrive, and the heap grows, while the rest is loaded
import './no-inspector.ts';
import './heap.ts';
// oxlint-enable import/no-unassigned-import
import { existsSync } from 'node:fs';
import { runCommandLine } from './command-line.ts';
import { linkClauses } from './logging/clause-links.ts';
import { escapeLines } from './logging/escape.ts';
import { createComposition } from './compose/compose.ts';

// The reader of the output may close it (`| head`, a log collector that restarts): no reason to end.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

// A shell that became root by `su` has no sbin in its path; iptables and modprobe are there.
if (process.platform === 'linux') {
  const { PATH = '/usr/bin:/bin' } = process.env;
  const folders = PATH.split(':');
  if (!folders.some((folder) => folder.endsWith('/sbin'))) folders.push('/usr/sbin', '/sbin');
  process.env['PATH'] = folders.join(':');
}

/** A terminal gets ids of clauses as links, where the documents are beside the program. */
function decorated(text: string): string {
  const base = new URL('./', import.meta.url);
  const isTerminal = process.stdout.isTTY && process.env['TERM'] !== 'dumb';
  return isTerminal && existsSync(new URL('docs', base)) ? linkClauses(text, base) : text;
}

const outcome = await runCommandLine(process.argv.slice(2), createComposition(), {
  print: (text) => process.stdout.write(decorated(escapeLines(text))),
  hint: (text) => process.stderr.write(escapeLines(text)),
  ...(process.stderr.isTTY ? { progress: (line: string) => process.stderr.write(`\r\u001B[K${line}`) } : {}),
});
for (const error of outcome.errors) process.stderr.write(`Error: ${escapeLines(error)}\n`);
// Pipes are written in the background on some systems: what was printed leaves first.
process.stderr.write('', () => process.stdout.write('', () => process.exit(outcome.status)));
