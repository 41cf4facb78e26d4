export { whyNoAccounting } from './driver/accounting-probe.ts';
export { createExecDriver, type ExecDriverOptions } from './driver/exec-driver.ts';
export type { OnToolNotice, ToolNotice } from './driver/tool-notices.ts';
export type { Timer } from './driver/drift-watch.ts';
export type { DriverResult, IptablesDriver, ToolFacts, Variant } from './driver/iptables-driver.ts';
export { ACCOUNTING_OBJECTS } from './compile/context.ts';
export { LOCALHOST_NODE_PORTS_SYSCTL, servesLocalhost } from './compile/node-ports.ts';
export { createIptablesBackend } from './iptables-backend.ts';
export { describeIptablesOptions, type IptablesOptions, type OptionDescription } from './options.ts';
