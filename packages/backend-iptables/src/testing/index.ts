export { goldenText, iptablesScenarioBackend, rulesOf } from './scenario-backend.ts';
export * from './sample-state.ts';
