// Mono's libmono-native.so looks for libmonosgen's symbols in the global scope, but Node loads addons into a local
// one: without this the process dies when the runtime first uses its thread pool.
const os = require('node:os');
const path = require('node:path');
const Module = require('node:module');

const { RTLD_LAZY, RTLD_GLOBAL } = os.constants.dlopen;
Module._extensions['.node'] = (module, file) =>
  process.dlopen(module, path.toNamespacedPath(file), RTLD_LAZY | RTLD_GLOBAL);
