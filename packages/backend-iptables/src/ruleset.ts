/** The rule language without services: objects, text, and the way to the kernel. For other modes that need rules. */
export * from './driver/exec-driver.ts';
export * from './driver/iptables-driver.ts';
export type { OtherCommits } from './driver/other-commits.ts';
export * from './driver/timer.ts';
export * from './driver/watch-commits.ts';
export * from './encode/encoded-chain.ts';
export * from './encode/parse-rule.ts';
export * from './encode/parse-save.ts';
export * from './encode/restore-input.ts';
export * from './encode/rule-text.ts';
export * from './objects/match.ts';
export * from './objects/rule.ts';
export * from './objects/target.ts';
