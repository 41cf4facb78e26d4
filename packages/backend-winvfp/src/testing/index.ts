export { winvfpScenarioBackend } from './scenario-backend.ts';
export { createSimulatedHcn } from './simulated-hcn.ts';
