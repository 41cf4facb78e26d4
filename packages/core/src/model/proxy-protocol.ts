/** Versions of the PROXY protocol: the values of the annotation `signalbox.dev/proxy-protocol` of a Service. */
export const PROXY_PROTOCOLS = ['v1', 'v2'] as const;

/** One value of `PROXY_PROTOCOLS`. */
export type ProxyProtocol = (typeof PROXY_PROTOCOLS)[number];

/** Of a Service: the version of the header that endpoints of its TCP ports receive. */
export const PROXY_PROTOCOL_ANNOTATION = 'signalbox.dev/proxy-protocol';
