/** The node before the proxy starts: its settings, what works on it, and who else is there. */
import type { FamilySupport } from '../modes/proxy-mode.ts';
import type { Logger } from '../logging/logger.ts';
import { checkFamilies } from '../node/family-check.ts';
import type { InstanceLock } from '../node/instance-lock.ts';
import { STATE_FOLDER } from '../node/state-file.ts';
import { startConntrack } from '../node/conntrack-start.ts';
import { applySysctls, setOomScore } from '../node/prepare-node.ts';
import { systemFiles } from '../node/sysctl.ts';
import type { RunOptions } from './run-options.ts';

/** What works on this node, and who else is there; or why nothing does. */
export async function surveyNode(options: RunOptions): Promise<FamilySupport | string> {
  const { settings, composition, logging, around } = options;
  const { logger } = logging;
  const onLinux = around.platform === 'linux';
  const [support, lock] = await Promise.all([
    composition.probeFamilies(settings, logger),
    onLinux ? composition.takeInstanceLock() : null,
  ]);
  if (lock?.kind === 'held') reportHeldLock(logger, lock);
  return reportFamilies(options, support) ?? support;
}

/** The start goes on: a node whose lock is held by mistake is served all the same. */
function reportHeldLock(logger: Logger, { exclusive }: InstanceLock): void {
  const both = 'both write the same rules; stop one of them';
  if (exclusive) logger.error(`Another signalbox runs in this network namespace: ${both}`);
  else {
    logger.warning(
      `Another signalbox may run in this network namespace: ${both}. ` +
        `${STATE_FOLDER} cannot be written, and the socket used instead can be held by any user of the node`,
    );
  }
}

/** Sysctls, connection tracking, and how the kernel treats this process. */
export async function prepare({
  settings,
  around,
  logging,
  composition,
}: RunOptions): Promise<string | null> {
  const { config, initOnly, manifests } = settings;
  if (around.platform !== 'linux') return initOnly ? '--init-only: not implemented on Windows' : null;
  const sysctls = await composition.modeSysctls(settings);
  if (typeof sysctls === 'string') return sysctls;
  if (manifests !== '' && !initOnly) {
    // For trying things out and for tests: limits of the node as a whole are left alone.
    const error = applySysctls(systemFiles, sysctls);
    if (error !== null) logging.logger.warning(error);
    return null;
  }
  const { logger } = logging;
  const { clock } = composition;
  const load = (): Promise<string | null> => composition.loadConntrack();
  const { conntrack } = config;
  // Limits of connection tracking are for modes whose flows pass through it.
  const isTracked = settings.mode.flows === 'conntrack';
  const error =
    (isTracked ? await startConntrack({ files: systemFiles, conntrack, clock, logger, load }) : null) ??
    applySysctls(systemFiles, sysctls);
  if (error !== null || initOnly) return error;
  const oom = setOomScore(systemFiles, config.oomScoreAdj);
  if (oom !== null) logger.warning(oom);
  return null;
}

/** The log has the complete output of the tool. */
function firstLine(text: string): string {
  return text.split('\n')[0] ?? text;
}

function reportFamilies({ settings, logging }: RunOptions, support: FamilySupport): string | null {
  const { fatal, warnings } = checkFamilies(settings, support.families);
  for (const reason of support.reasons) logging.logger.info(reason);
  for (const warning of [...(support.warnings ?? []), ...warnings]) logging.logger.warning(warning);
  // The reasons are the cure; one line has them all.
  return fatal === null ? null : [fatal, ...support.reasons.map(firstLine)].join('; ');
}
