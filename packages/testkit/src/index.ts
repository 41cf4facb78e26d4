export type * from '@signalbox/core/testing';
