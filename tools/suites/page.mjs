// The page of the metrics address, in a browser without a window.
import { withDeclaredCommands } from '../command-folder.mjs';
import { skip } from './report.mjs';
import { runVitest } from './vitest.mjs';

export async function runPage(context) {
  const result = await withDeclaredCommands('page', context, (restricted) => runVitest('page', restricted));
  return 'passed' in result ? result : skip(result.reason);
}
