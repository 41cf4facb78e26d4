export type * from './scenario-backend.ts';
