import { scenarioSuite } from '@signalbox/testkit/scenario-suite';
import { winvfpScenarioBackend } from './scenario-backend.ts';

scenarioSuite(winvfpScenarioBackend);
