export type * from './scenario-backend.ts';
export * from './manual-clock.ts';
export * from './hostile.ts';
export * from './signal.ts';
export * from './traced-packet.ts';
