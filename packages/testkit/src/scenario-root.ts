import path from 'node:path';

export const SCENARIOS_ROOT: string = path.resolve(import.meta.dirname, '../../../scenarios');
