export { whyNoAccounting } from './driver/accounting-probe.ts';
export { findMissingModules, unsupportedError, type MissingModule } from './driver/kernel-modules.ts';
export {
  CANARY,
  createExecDriver,
  createRecentLists,
  kubeletMovedTo,
  mayHaveRules,
  type ExecDriverOptions,
  type IptablesDriver,
  type KeptRules,
  type OnToolNotice,
  type ToolFacts,
  type ToolNotice,
  type Variant,
} from '@signalbox/iptables';
export { ACCOUNTING_OBJECTS } from './compile/context.ts';
export { LOCALHOST_NODE_PORTS_SYSCTL, servesLocalhost } from './compile/node-ports.ts';
export { readAffinityClients, writeAffinityClients } from './sync/affinity-clients.ts';
export { surveyVariants } from './sync/survey-variants.ts';
export { cleanupVariants } from './sync/cleanup.ts';
export { OWNERSHIP as IPTABLES_RULES } from './sync/read-tables.ts';
export { createIptablesBackend } from './sync/iptables-backend.ts';
export { describeIptablesOptions, type IptablesOptions, type OptionDescription } from './options.ts';
export { renderRules, type RenderOptions } from './render-rules.ts';
