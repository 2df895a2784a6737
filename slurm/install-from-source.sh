#!/bin/bash
# install-from-source.sh --list | [--tarballs DIR] [--only "NAME …"] PREFIX: builds the small libraries that a cluster's modules rarely
# have into PREFIX, without root and without a network, from tarballs that you bring. A library that pkg-config already finds is left out,
# unless --only names it. MPI, HDF5, OpenBLAS and zlib are not among them: every cluster has these as modules. docs/CLUSTER.md has the steps.
# Needs a C compiler, CMake 3.25, make, pkg-config, and tar with gzip and xz. Safe to run again: what is there is not built twice.
set -eu -o pipefail

# name version | what pkg-config calls it, or a header | SHA-256 | file | source
# A second line of the same name is another archive of the same sources, as Debian keeps it.
libraries='
xxhash 0.8.3|libxxhash|aae608dfe8213dfd05d909a57718ef82f30722c392344583d3f39050c7f29a80|xxhash-0.8.3.tar.gz|https://github.com/Cyan4973/xxHash/archive/v0.8.3.tar.gz
utf8proc 2.8.0|libutf8proc|a0a60a79fe6f6d54e7d411facbfcc867a6e198608f2cd992490e46f04b1bcecc|utf8proc-2.8.0.tar.gz|https://github.com/JuliaStrings/utf8proc/archive/v2.8.0.tar.gz
random123 1.14.0|Random123/philox.h|effafd8656b18030b2a5b995cd3650c51a7c45052e6e1c21e48b9fa7a59d926e|random123-1.14.0.tar.gz|https://github.com/DEShawResearch/random123/archive/refs/tags/v1.14.0.tar.gz
random123 1.14.0|Random123/philox.h|0ed9bf1de7732303f35529ff9b42b0ab84e1fbeaad8ba97768440d8e2b109e87|librandom123_1.14.0+dfsg.orig.tar.xz|http://deb.debian.org/debian/pool/main/libr/librandom123/librandom123_1.14.0+dfsg.orig.tar.xz
pcre2 10.46|libpcre2-8|8d28d7f2c3b970c3a4bf3776bcbb5adfc923183ce74bc8df1ebaad8c1985bd07|pcre2-10.46.tar.gz|https://github.com/PCRE2Project/pcre2/releases/download/pcre2-10.46/pcre2-10.46.tar.gz
jansson 2.14|jansson|c739578bf6b764aa0752db9a2fdadcfe921c78f1228c7ec0bb47fa804c55d17b|jansson-2.14.tar.gz|https://github.com/akheron/jansson/archive/v2.14.tar.gz
libyaml 0.2.5|yaml-0.1|fa240dbf262be053f3898006d502d514936c818e422afdcf33921c63bed9bf2e|libyaml-0.2.5.tar.gz|https://github.com/yaml/libyaml/archive/0.2.5.tar.gz
zstd 1.5.7|libzstd|eb33e51f49a15e023950cd7825ca74a4a2b43db8354825ac24fc1b7ee09e6fa3|zstd-1.5.7.tar.gz|https://github.com/facebook/zstd/releases/download/v1.5.7/zstd-1.5.7.tar.gz
zstd 1.5.7|libzstd|0c092ef267edce57ba7f3f2645c861f72eaf5e76273c6c3632869423464b90a5|libzstd_1.5.7+dfsg.orig.tar.xz|http://deb.debian.org/debian/pool/main/libz/libzstd/libzstd_1.5.7+dfsg.orig.tar.xz
libjpeg-turbo 2.1.5|libjpeg|254f3642b04e309fee775123133c6464181addc150499561020312ec61c1bf7c|libjpeg-turbo-2.1.5.tar.gz|https://github.com/libjpeg-turbo/libjpeg-turbo/archive/2.1.5.tar.gz
libpng 1.6.48|libpng|b17e99026055727e8cba99160c3a9a7f9af788e9f786daeadded5a42243f1dd0|libpng1.6_1.6.48.orig.tar.gz|http://deb.debian.org/debian/pool/main/libp/libpng1.6/libpng1.6_1.6.48.orig.tar.gz
libwebp 1.5.0|libwebpdemux|7d6fab70cf844bf6769077bd5d7a74893f8ffd4dfb42861745750c63c2a5c92c|libwebp-1.5.0.tar.gz|https://storage.googleapis.com/downloads.webmproject.org/releases/webp/libwebp-1.5.0.tar.gz
libarchive 3.7.4|libarchive|f887755c434a736a609cbd28d87ddbfbe9d6a3bb5b703c22c02f6af80a802735|libarchive-3.7.4.tar.xz|https://github.com/libarchive/libarchive/releases/download/v3.7.4/libarchive-3.7.4.tar.xz
'
tarballs=$PWD prefix="" only=""

usage() { sed -n '2,5s/^# \{0,1\}//p' "$0"; }
fail() { printf 'install-from-source.sh: %s\n' "$*" >&2; exit 1; }
names() { awk -F'[ |]' 'NF && !seen[$1]++ { print $1 }' <<< "$libraries"; }
# lines NAME: its rows of the table
lines() { grep "^$1 " <<< "$libraries"; }
# field NUMBER NAME: of its first row
field() { lines "$2" | cut -d'|' -f"$1" | sed -n 1p; }

list() {
  printf '%-20s %-64s %s\n' library SHA-256 source
  awk -F'|' 'NF { printf "%-20s %-64s %s\n", $1, $3, $5 }' <<< "$libraries"
}

# archive_of NAME: prints the path of one of its archives, whose SHA-256 is right; the file may have the name of the table or of the source
archive_of() {
  local sum file url path
  while IFS='|' read -r _ _ sum file url; do
    for path in "$tarballs/$file" "$tarballs/$(basename "$url")"; do
      [ -f "$path" ] || continue
      sha256sum --check --status <<< "$sum  $path" || fail "$path is not the file that is meant: its SHA-256 is not $sum"
      echo "$path"
      return
    done
  done < <(lines "$1")
}

# is_there NAME: does the compiler or pkg-config find it?
is_there() {
  local known
  known=$(field 2 "$1")
  case $known in
  *.h) printf '#include <%s>\n' "$known" | ${CC:-cc} -I"$prefix/include" ${CPPFLAGS:-} -E -x c - > /dev/null 2>&1 ;;
  *) pkg-config --exists "$known" ;;
  esac
}

# by_cmake FOLDER OPTION…: from the sources in FOLDER
by_cmake() {
  local from=$1
  shift
  cmake -S "$from" -B build -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$prefix" -DCMAKE_INSTALL_LIBDIR=lib -DCMAKE_PREFIX_PATH="$prefix" \
    -DBUILD_SHARED_LIBS=ON -DCMAKE_POSITION_INDEPENDENT_CODE=ON "$@"
  cmake --build build --parallel "$(nproc)"
  cmake --install build
}

# build NAME: in the folder of its sources
build() {
  case $1 in
  xxhash) by_cmake cmake_unofficial -DXXHASH_BUILD_XXHSUM=OFF ;;
  utf8proc) make -j"$(nproc)" && make prefix="$prefix" install ;;
  random123) mkdir -p "$prefix/include" && cp -R include/Random123 "$prefix/include/" ;;
  pcre2) by_cmake . -DPCRE2_BUILD_PCRE2GREP=OFF -DPCRE2_BUILD_TESTS=OFF -DPCRE2_SUPPORT_JIT=ON ;;
  jansson) by_cmake . -DJANSSON_BUILD_SHARED_LIBS=ON -DJANSSON_BUILD_DOCS=OFF -DJANSSON_EXAMPLES=OFF -DJANSSON_WITHOUT_TESTS=ON ;;
  libyaml)
    by_cmake . -DBUILD_TESTING=OFF
    mkdir -p "$prefix/lib/pkgconfig" # its CMake files write none
    printf 'Name: yaml\nDescription: YAML parser\nVersion: 0.2.5\nCflags: -I%s/include\nLibs: -L%s/lib -lyaml\n' "$prefix" "$prefix" \
      > "$prefix/lib/pkgconfig/yaml-0.1.pc"
    ;;
  zstd) make -j"$(nproc)" -C lib PREFIX="$prefix" install ;;
  libjpeg-turbo) by_cmake . -DENABLE_STATIC=OFF ;;
  libpng) by_cmake . -DPNG_TESTS=OFF -DPNG_STATIC=OFF ;;
  libwebp) by_cmake . -DWEBP_BUILD_{ANIM_UTILS,CWEBP,DWEBP,GIF2WEBP,IMG2WEBP,VWEBP,WEBPINFO,WEBPMUX,EXTRAS}=OFF ;;
  libarchive) by_cmake . -DENABLE_{TEST,TAR,CPIO,CAT,UNZIP,OPENSSL,LIBXML2,EXPAT,LZ4,ACL,XATTR}=OFF ;;
  esac
}

# install NAME: its log is shown where it fails
install() {
  local archive folder
  archive=$(archive_of "$1")
  folder=$(mktemp -d)
  printf '%-20s from %s\n' "$1" "$archive"
  tar -xf "$archive" -C "$folder" --strip-components=1
  if ! (cd "$folder" && set -e && build "$1") > "$folder.log" 2>&1; then
    tail -30 "$folder.log" >&2
    fail "$1 was not built; its log is $folder.log, its sources are in $folder"
  fi
  rm -rf "$folder" "$folder.log"
  is_there "$1" || fail "$1 is in $prefix, but is not found there"
}

while [ $# -gt 0 ]; do
  case $1 in
  --list) list; exit ;;
  --tarballs) tarballs=${2-}; shift ;;
  --only) only=${2-}; shift ;;
  -h | --help) usage; exit ;;
  -*) usage >&2; exit 1 ;;
  *) [ -z "$prefix" ] || { usage >&2; exit 1; }; prefix=$(realpath -m "$1") ;;
  esac
  shift
done
[ -n "$prefix" ] || { usage >&2; exit 1; }
for program in "${CC:-cc}" cmake make pkg-config tar xz sha256sum; do
  command -v "$program" > /dev/null || fail "$program is not here"
done
for name in $only; do
  [ -n "$(lines "$name" || true)" ] || fail "no library \"$name\": $(names | tr '\n' ' ')"
done
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig:$prefix/lib64/pkgconfig:${PKG_CONFIG_PATH-}

# First what is missing, so that one look tells all tarballs to bring.
wanted="" missing=""
for name in ${only:-$(names)}; do
  if [ -z "$only" ] && is_there "$name"; then
    printf '%-20s is there\n' "$name"
    continue
  fi
  wanted="$wanted $name"
  archive=$(archive_of "$name")
  [ -n "$archive" ] || missing="$missing  $(field 4 "$name")   $(field 5 "$name")"$'\n'
done
[ -z "$missing" ] || fail "these are not in $tarballs (--tarballs names another folder):"$'\n'"$missing"
for name in $wanted; do
  install "$name"
done
cat <<END

All libraries are there. To build, in the same shell as the modules of MPI, HDF5 and OpenBLAS:
  export PKG_CONFIG_PATH=$prefix/lib/pkgconfig:\$PKG_CONFIG_PATH
  cmake --preset release -DAC_BUILD_TESTS=OFF -DCMAKE_PREFIX_PATH=$prefix -DCMAKE_BUILD_RPATH=$prefix/lib -DCMAKE_INSTALL_RPATH=$prefix/lib
  cmake --build --preset release
END
