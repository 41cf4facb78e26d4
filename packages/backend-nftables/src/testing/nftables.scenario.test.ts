import { scenarioSuite } from '@signalbox/testkit/scenario-suite';
import { nftablesScenarioBackend } from './scenario-backend.ts';

scenarioSuite(nftablesScenarioBackend);
