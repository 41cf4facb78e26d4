/** The dummy device that carries the service addresses, so that the kernel takes packets to them as its own. */
export const SERVICE_DEVICE = 'kube-ipvs0';
