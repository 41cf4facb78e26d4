/** Chains of the proxy that the driver itself reads or writes, as kube-proxy names them. */

/** Empty chain in every table; its absence shows that the table was flushed. */
export const CANARY = 'KUBE-PROXY-CANARY';
/** Exists only while rules are tried in it; no rule leads to it. */
export const PROBE = 'KUBE-PROXY-PROBE';
