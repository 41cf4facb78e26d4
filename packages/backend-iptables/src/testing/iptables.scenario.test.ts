import { scenarioSuite } from '@signalbox/testkit/scenario-suite';
import { iptablesScenarioBackend } from './scenario-backend.ts';

scenarioSuite(iptablesScenarioBackend);
