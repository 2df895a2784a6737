# Every C source is formatted by .clang-format; skipped where the pinned version is not installed. No program is run.
git -C "$source" rev-parse --is-inside-work-tree > /dev/null 2>&1 || { echo 'not a git checkout'; exit 77; }
"$source/cmake/format.sh" --check
