#!/bin/sh
# tidy.sh CLANG_TIDY BUILD_FOLDER: the checks of .clang-tidy over every source, several at a time. Prints and fails on findings only.
git ls-files engine io cache_builder jobs tests | grep '[.]c$' | xargs -P "$(nproc)" -n 4 "$1" -p "$2" --quiet 2> /dev/null
