export * from './fault-plan.ts';
export * from './load-scenarios.ts';
export * from './packets-table.ts';
export * from './random.ts';
export * from './run-scenario.ts';
export * from './scenario-root.ts';
export * from './world.ts';
export type * from '@signalbox/core/testing';
