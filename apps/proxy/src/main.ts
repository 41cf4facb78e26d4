/** The command `signalbox`. */
import { runCommandLine } from './command-line.ts';
import { composition } from './compose/compose.ts';

const outcome = await runCommandLine(process.argv.slice(2), composition, {
  print: (text) => process.stdout.write(text),
  hint: (text) => process.stderr.write(text),
});
for (const error of outcome.errors) process.stderr.write(`Error: ${error}\n`);
process.exit(outcome.status);
