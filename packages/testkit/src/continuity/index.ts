export * from './cluster.ts';
export * from './shop.ts';
