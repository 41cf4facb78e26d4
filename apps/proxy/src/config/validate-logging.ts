import { createFeatureGates } from './feature-gates.ts';
import type { KubeProxyConfiguration } from './types.ts';
import type { Report } from './report.ts';

/** The `logging` section: the rules of Kubernetes' shared logging options. */
export function validateLogging(config: KubeProxyConfiguration, report: Report): void {
  const { format, flushFrequency, vmodule, options } = config.logging;
  if (format !== 'text' && format !== 'json')
    report('logging.format', 'unsupported log format, must be text or json');
  if (flushFrequency <= 0) report('logging.flushFrequency', 'must be greater than 0');
  if (vmodule.length > 0 && format !== 'text')
    report('logging.vmodule', 'only supported for the text log format');
  for (const { filePattern } of vmodule) {
    if (filePattern === '' || /[=,]/.test(filePattern)) {
      report(
        'logging.vmodule',
        `file pattern ${JSON.stringify(filePattern)} must not be empty or contain "=" or ","`,
      );
    }
  }
  if (createFeatureGates(config.featureGates).enabled('LoggingAlphaOptions')) return;
  for (const stream of ['text', 'json'] as const) {
    const reason = 'feature LoggingAlphaOptions is disabled';
    if (options[stream].splitStream) report(`logging.options.${stream}.splitStream`, reason);
    if (!/^\+?0/.test(options[stream].infoBufferSize))
      report(`logging.options.${stream}.infoBufferSize`, reason);
  }
}
