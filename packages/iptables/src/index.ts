/** The rule language: objects, text, and the driver that reads and writes the kernel's tables. */
export * from './driver/drift-watch.ts';
export * from './driver/exec-driver.ts';
export * from './driver/iptables-driver.ts';
export type { OtherCommits } from './driver/other-commits.ts';
export * from './driver/refusal-of.ts';
export * from './driver/timer.ts';
export type { OnToolNotice, ToolNotice } from './driver/tool-notices.ts';
export * from './driver/watch-commits.ts';
export * from './encode/encoded-chain.ts';
export { isHeader } from './encode/match-text.ts';
export * from './encode/parse-rule.ts';
export * from './encode/parse-save.ts';
export * from './encode/restore-input.ts';
export * from './encode/rule-text.ts';
export * from './objects/marker-chains.ts';
export * from './objects/match.ts';
export * from './objects/rule.ts';
export * from './objects/target.ts';
