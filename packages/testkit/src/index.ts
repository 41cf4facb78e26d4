export * from './scenario-backend.ts';
