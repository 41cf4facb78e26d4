#!/bin/sh
# SIGUSR1 must not open the inspector of Node.js. One malloc arena: each of ten threads keeps up to 10 MB otherwise.
MALLOC_ARENA_MAX=1 exec /usr/lib/signalbox/node --disable-sigusr1 /usr/lib/signalbox/main.js "$@"
