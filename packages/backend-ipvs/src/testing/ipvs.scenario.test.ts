import { scenarioSuite } from '@signalbox/testkit/scenario-suite';
import { ipvsScenarioBackend } from './scenario-backend.ts';

scenarioSuite(ipvsScenarioBackend);
