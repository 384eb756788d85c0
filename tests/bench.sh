#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tests/bench.sh [ROW...] - measure dhow beside crun, podman and bubblewrap where they are installed (tests/bench/bench.py)
cd "$(dirname "$0")/.." || exit 2
if [ "$(id -u)" = 0 ]; then exec tests/as-user.sh -u dhow-bench python3 tests/bench/bench.py "$@"; fi
exec python3 tests/bench/bench.py "$@"
