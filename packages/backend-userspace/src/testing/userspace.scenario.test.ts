import { scenarioSuite } from '@signalbox/testkit/scenario-suite';
import { userspaceScenarioBackend } from './scenario-backend.ts';

scenarioSuite(userspaceScenarioBackend);
