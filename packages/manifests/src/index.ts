export { createManifestSource, type ManifestSourceOptions } from './manifest-source.ts';
export type { ManifestObject } from './manifest-object.ts';
export { parseManifest, type ParsedManifest } from './parse-manifest.ts';
export type { PathWatch, WatchPath } from './watch-path.ts';
export { readYaml, type YamlDocument, type YamlOptions, type YamlText } from './yaml-documents.ts';
