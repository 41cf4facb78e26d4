export * from './desired-view.ts';
export * from './drift.ts';
export * from './folded-set.ts';
export * from './isolate.ts';
export * from './ledger.ts';
export * from './owned-objects.ts';
export * from './supervise-monitor.ts';
export * from './sync-report.ts';
