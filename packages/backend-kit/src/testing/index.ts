export * from './contract.ts';
export * from './sample-state.ts';
