import { EXTERNAL_FAILOVERS, type SpecifiedFailover } from '../model/service-policy.ts';
import { annotationField, annotationOf } from './annotations.ts';
import type { Fields, ProblemLog } from './reader.ts';

const ANNOTATION = 'signalbox.dev/external-failover';
const ANNOTATION_FIELD = annotationField(ANNOTATION);
const SPEC_FIELD = 'spec.externalFailoverPolicy';

/** S66: the annotation; without a valid one, the field, of API servers that have it. */
export function readExternalFailover(
  metadata: Fields,
  spec: Fields,
  log: ProblemLog,
): SpecifiedFailover | null {
  const annotation = annotationOf(metadata, ANNOTATION);
  const policy = EXTERNAL_FAILOVERS.find((word) => word === annotation);
  if (policy !== undefined) return { policy, field: ANNOTATION_FIELD };
  if (annotation !== null) {
    const allowed = EXTERNAL_FAILOVERS.join(', ');
    log.add(ANNOTATION_FIELD, annotation, `must be ${allowed}: the annotation is ignored`);
  }
  const field = spec['externalFailoverPolicy'] ?? '';
  if (field === 'Passthrough') return { policy: 'passthrough', field: SPEC_FIELD };
  if (field !== '') log.add(SPEC_FIELD, field, 'must be Passthrough: the default of the proxy mode is used');
  return null;
}
