import type { DesiredServicePort, NodePortFrontend } from '../desired/desired-state.ts';
import { endpointsOf } from './select-route.ts';

/**
 * The node port of a TCP service port as sockets at 127.0.0.1 and ::1 serve it. Endpoints are those of clients outside of the
 * cluster, as in kube-proxy: with policy Local, endpoints of this node. `null`: there are none, or no such node port.
 */
export function loopbackNodePort(servicePort: DesiredServicePort): NodePortFrontend | null {
  if (servicePort.name.protocol !== 'TCP') return null;
  const frontend = servicePort.frontends.find((each) => each.kind === 'node-port');
  const route = frontend?.routes.at(-1);
  if (frontend === undefined || route === undefined) return null;
  if (endpointsOf(route, servicePort).length === 0) return null;
  // The connection from the socket to the endpoint has an address of the node as its source.
  return { ...frontend, routes: [{ ...route, masquerade: true }] };
}
