export { type AttributeTree, attributeTree } from './attribute-tree.ts';
export { encodeAsCaptured } from './captured.ts';
export {
  createFakeKernel,
  errorPayload,
  type FakeAnswer,
  type FakeKernel,
  type FakeKernelOptions,
} from './fake-kernel.ts';
