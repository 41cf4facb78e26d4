import type { DesiredServicePort, Frontend, Route } from '../desired/desired-state.ts';

function routeText({ source, target, masquerade, rule }: Route): string {
  return `${source} → ${target}${masquerade ? '*' : ''} (${rule})`;
}

/** A frontend on one line, for tests to compare: `cluster-ip 10.96.0.10:80: any → reject (S23)`. */
function frontendText(frontend: Frontend): string {
  const at = frontend.kind === 'node-port' ? `${frontend.port}` : `${frontend.address}:${frontend.port}`;
  return `${frontend.kind} ${at}: ${frontend.routes.map(routeText).join(', ')}`;
}

export function frontendTexts(servicePort: DesiredServicePort | undefined): string[] {
  return (servicePort?.frontends ?? []).map(frontendText);
}
