import {
  EXTERNAL_FAILOVERS,
  type ExternalFailover,
  type SpecifiedFailover,
} from '../model/service-policy.ts';
import { annotationField, readWord, type WordAnnotation } from './annotations.ts';
import type { Fields, ProblemLog } from './reader.ts';

const ANNOTATION: WordAnnotation<ExternalFailover> = {
  name: 'signalbox.dev/external-failover',
  words: EXTERNAL_FAILOVERS,
  reason: `must be ${EXTERNAL_FAILOVERS.join(', ')}: the annotation is ignored`,
};
const ANNOTATION_FIELD = annotationField(ANNOTATION.name);
const SPEC_FIELD = 'spec.externalFailoverPolicy';

/** S66: the annotation; without a valid one, the field, of API servers that have it. */
export function readExternalFailover(
  metadata: Fields,
  spec: Fields,
  log: ProblemLog,
): SpecifiedFailover | null {
  const policy = readWord(metadata, ANNOTATION, log);
  if (policy !== null) return { policy, field: ANNOTATION_FIELD };
  const field = spec['externalFailoverPolicy'] ?? '';
  if (field === 'Passthrough') return { policy: 'passthrough', field: SPEC_FIELD };
  if (field !== '') log.add(SPEC_FIELD, field, 'must be Passthrough: the default of the proxy mode is used');
  return null;
}
