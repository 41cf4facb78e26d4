export { createManifestSource, type ManifestSourceOptions } from './manifest-source.ts';
export { systemClock } from './system-clock.ts';
export type { PathWatch, WatchPath } from './watch-path.ts';
