/** The metrics address's own `/healthz`: the one check, `ping`, succeeds when the server responds at all. */
export function verboseHealthz(url: string): string {
  const query = new URL(url, 'http://localhost').searchParams;
  if (!query.has('verbose')) return 'ok';
  const excluded = query.getAll('exclude');
  const unknown = excluded.filter((name) => name !== 'ping');
  const lines = [excluded.includes('ping') ? '[+]ping excluded: ok' : '[+]ping ok'];
  if (unknown.length > 0) {
    lines.push(
      `warn: some health checks cannot be excluded: no matches for ${unknown.map((name) => JSON.stringify(name)).join(',')}`,
    );
  }
  return `${lines.join('\n')}\nhealthz check passed\n`;
}
