# SPDX-License-Identifier: Apache-2.0
#
# tests/mirror.bash - where Debian comes from on this machine:   . tests/mirror.bash
#
# Sets uri and codename, of the mirror and the release that apt uses here, and options, which make mmdebstrap fetch from it as apt does (proxy,
# time-outs). Hooks of apt are not among them: they are for this machine's programs.

read -r uri codename < <(apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Created-By: Packages' | grep -v security | head -1)
[ -n "$uri" ] || { echo "${0##*/}: apt knows no mirror" >&2; exit 1; }
mapfile -t options < <(apt-config dump | grep '^Acquire::' | grep -v '^Acquire::IndexTargets\|"";$' | sed 's/^/--aptopt=/')
