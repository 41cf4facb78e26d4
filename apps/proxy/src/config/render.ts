/** A value on one line, for an error message: strings quoted, the rest as JSON, long ones cut. */
export function render(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 120 ? `${text.slice(0, 117)}...` : text;
}

/** `KubeProxyConfiguration.<path>: Invalid value: <value>: <reason>`: one line that names the culprit. */
export function invalidValue(path: string, value: unknown, reason: string): string {
  return `KubeProxyConfiguration.${path}: Invalid value: ${render(value)}: ${reason}`;
}

/** What an exception says, on one line. */
export function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\s*\n\s*/g, ' ');
}
