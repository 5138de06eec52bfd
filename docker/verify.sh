#!/usr/bin/env bash
# Does the image's own steps without Docker, and inspects a capture with what comes out; --help says more.
set -euo pipefail
cd "$(dirname "$0")/.."
npx tsc -b
exec node dist/bench/image.js "$@"
