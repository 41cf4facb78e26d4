/** The configuration file of a running proxy: what changes in it, and what that means. */
import { completeSettings } from '../config/complete.ts';
import { compareSettings, watchFile } from '../config/reload.ts';
import type { Settings } from '../config/settings.ts';
import type { Proxy } from '../proxy.ts';
import { failed, type Outcome } from './outcome.ts';
import type { RunOptions } from './run-options.ts';

/** A change that a running proxy cannot apply ends it with status 1, so that kubelet or another supervisor starts it again. */
export function followConfig(options: RunOptions, proxy: Proxy, end: (outcome: Outcome) => void): void {
  const { settings, composition, around } = options;
  if (settings.configFile === '') return;
  let current = settings;
  let running = Promise.resolve();
  const take = async (content: string): Promise<void> => {
    const next = takeChange(options, { content, before: current, proxy });
    if (typeof next === 'string') end(failed(next));
    else if (next !== null && (await apply(options, { before: current, next, proxy }))) current = next;
  };
  watchFile({
    path: settings.configFile,
    content: settings.configText,
    read: around.readFile,
    clock: composition.clock,
    onChange: (content) => {
      running = running.then(() => take(content)).catch((error: unknown) => end(failed(String(error))));
    },
  });
}

interface Step {
  readonly before: Settings;
  readonly next: Settings;
  readonly proxy: Proxy;
}

/** Whether the new settings are in force: those of a mode that does not serve here are not. */
async function apply({ logging }: RunOptions, { before, next, proxy }: Step): Promise<boolean> {
  const logger = logging.logger.component('config');
  if (before.mode === next.mode) proxy.reconfigure(next);
  else {
    logger.info('Changing the proxy mode', { from: before.config.mode, to: next.config.mode });
    const err = await proxy.switchMode(next);
    if (err !== null) {
      logger.error('Failed to change the proxy mode; the previous configuration stays in force', {
        mode: next.config.mode,
        err,
      });
      return false;
    }
  }
  const { live } = compareSettings(before, next);
  if (live.length > 0) logger.info('Applied changed configuration', { fields: live });
  const known = proxy.checkSettings(before).warnings;
  for (const warning of proxy.checkSettings(next).warnings)
    if (!known.includes(warning)) logger.warning(warning);
  return true;
}

interface Change {
  readonly content: string;
  readonly before: Settings;
  readonly proxy: Proxy;
}

/** New settings for the running proxy, or why it must end; `null`: a file that is wrong changes nothing. */
function takeChange(
  { flags, around, logging }: RunOptions,
  { content, before, proxy }: Change,
): Settings | string | null {
  const logger = logging.logger.component('config');
  const result = completeSettings(flags, { ...around, readFile: () => content });
  const refuse = (errors: readonly string[]): null => {
    for (const error of errors)
      logger.error('Rejected changed configuration; the previous one stays in force', { err: error });
    return null;
  };
  if (!result.ok) return refuse(result.error);
  // At a start the rest of such a file has to do; here there is something better: what runs.
  const misspelt = result.value.strictProblems.filter((line) => !before.strictProblems.includes(line));
  if (misspelt.length > 0) return refuse(misspelt);
  const { fatal } = proxy.checkSettings(result.value);
  if (fatal !== null) return refuse([fatal]);
  const change = compareSettings(before, result.value);
  if (change.restart.length > 0) {
    const fields = change.restart.join(', ');
    return `content of the proxy server's configuration file was updated: restart required to apply ${fields}`;
  }
  return result.value;
}
