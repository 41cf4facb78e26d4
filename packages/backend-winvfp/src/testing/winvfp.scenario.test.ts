import { scenarioSuite } from '@signalbox/testkit';
import { winvfpScenarioBackend } from './scenario-backend.ts';

scenarioSuite(winvfpScenarioBackend);
