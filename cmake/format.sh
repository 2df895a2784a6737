#!/bin/bash
# format.sh [--check]: formats every C source of the repository by .clang-format, or says which are not formatted (exit 1).
# Other versions of clang-format break lines elsewhere, so only the pinned one is taken (exit 77 where it is not found):
# $AC_CLANG_FORMAT, clang-format-14 (Debian 12), or clang-format (PyPI: pip install clang-format==14.0.6).
set -eu -o pipefail
cd "$(dirname "$0")/.."
pinned='version 14\.0\.'
formatter=
for program in ${AC_CLANG_FORMAT:-} clang-format-14 clang-format; do
  if command -v "$program" > /dev/null && [[ $("$program" --version) =~ $pinned ]]; then
    formatter=$program
    break
  fi
done
if [ -z "$formatter" ]; then
  echo "clang-format 14 is not here (Debian 12: clang-format-14; elsewhere: pip install clang-format==14.0.6)" >&2
  exit 77
fi
options=(-i)
[ "${1:-}" != --check ] || options=(--dry-run --Werror)
git ls-files -z -- '*.c' '*.h' ':!tests/fuzz/corpus' | xargs -0 -r "$formatter" --style=file "${options[@]}"
