export { createFakeNftables, type FakeNftables } from './fake-nftables.ts';
export { nftablesScenarioBackend } from './scenario-backend.ts';
