export * from './cluster.ts';
export * from './fake-ipvs.ts';
export * from './fake-kernel.ts';
export * from './faulty-driver.ts';
export * from './scenario-backend.ts';
export * from './trace-packet.ts';
