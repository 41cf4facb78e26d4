/** Versions of the PROXY protocol: the values of the annotation `signalbox.dev/proxy-protocol` of a Service. */
export const PROXY_PROTOCOLS = ['v1', 'v2'] as const;

export type ProxyProtocol = (typeof PROXY_PROTOCOLS)[number];

export const PROXY_PROTOCOL_ANNOTATION = 'signalbox.dev/proxy-protocol';
