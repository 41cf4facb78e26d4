export { userspaceScenarioBackend } from './scenario-backend.ts';
export { createFakeDriver, createFakeNode, type FakeDriverOptions, type FakeNode } from './fake-node.ts';
