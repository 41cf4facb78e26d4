import { expect, it } from 'vitest';
import { featuresOf, type HnsFeatures } from './hns-version.ts';

const ROWS: readonly (readonly [number, number, readonly (keyof HnsFeatures)[]])[] = [
  [9, 1, []],
  [9, 2, ['remoteSubnet']],
  [9, 3, ['remoteSubnet', 'dsr']],
  [10, 1, ['remoteSubnet']],
  [10, 2, ['remoteSubnet', 'dsr']],
  [11, 10, ['remoteSubnet', 'dsr', 'dualStack']],
  [12, 0, ['remoteSubnet', 'dsr', 'dualStack', 'sessionAffinity']],
  [15, 4, ['remoteSubnet', 'dsr', 'dualStack', 'sessionAffinity']],
  [15, 5, ['remoteSubnet', 'dsr', 'dualStack', 'sessionAffinity', 'modify']],
  [16, 0, ['remoteSubnet', 'dsr', 'dualStack', 'sessionAffinity', 'modify']],
];

it.each(ROWS)('HNS %i.%i can %j', (major, minor, expected) => {
  const features = Object.entries(featuresOf({ major, minor }));
  expect(features.filter(([, has]) => has).map(([name]) => name)).toEqual(expected);
});
