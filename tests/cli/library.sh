# libantarctic, installed and found by pkg-config: no MPI in it, and the examples of docs/examples, compiled against it, say what
# the program says.
. "$source/tests/cli/lib.sh"
for need in cmake pkg-config cc readelf; do
  command -v $need > /dev/null || { echo "skipped: no $need"; exit 77; }
done
build=$(dirname "$antarctic")
case $(readelf -d "$build/libantarctic.so") in *libasan*) echo 'skipped: built with sanitizers' && exit 77 ;; esac
cmake --install "$build" --prefix "$PWD/prefix" > installed.txt
# OpenBLAS's kernels are the program's choice, which the examples leave to their environment: the same for both.
if grep -qw avx2 /proc/cpuinfo; then export OPENBLAS_CORETYPE=${OPENBLAS_CORETYPE:-Haswell}; fi
PKG_CONFIG_PATH=$(dirname "$(find prefix -name antarctic.pc)")
export PKG_CONFIG_PATH
folder=$(pkg-config --variable=libdir antarctic)
export LD_LIBRARY_PATH=$folder
[ "antarctic $(pkg-config --modversion antarctic)" = "$("$antarctic" --version | sed -n 1p)" ]

# the library itself: a soname, ac_ alone in its names, no MPI, directly or through another library
readelf -d "$folder/libantarctic.so" > dynamic.txt
grep -q 'SONAME.*libantarctic\.so\.[0-9]' dynamic.txt
ldd "$folder/libantarctic.so" > libraries.txt
grep -q libhdf5 libraries.txt
if grep -iE 'not found|libmpi|open-rte|open-pal' libraries.txt; then echo 'the library needs what it must not'; exit 1; fi
nm -D --defined-only "$folder/libantarctic.so" | awk '{ print $3 }' > names.txt
grep -qx ac_clip_model_open names.txt
if grep -v '^ac_' names.txt; then echo 'these names do not begin with ac_'; exit 1; fi
if grep -rn 'mpi\.h\|engine/comm' prefix/include/antarctic; then exit 1; fi

# C; one from the static library, which needs the libraries below named (pkg-config --static names theirs too)
flags='-std=c11 -pedantic -Wall -Wextra -Werror'
examples=$source/docs/examples
for name in embed_image search_cache caption_image; do
  cc $flags "$examples/$name.c" -o $name $(pkg-config --cflags --libs antarctic)
done
cc $flags "$examples/search_cache.c" -o search_static $(pkg-config --cflags antarctic) "$folder/libantarctic.a" \
  $(pkg-config --libs $(pkg-config --print-requires-private antarctic)) $(pkg-config --variable=libs_private antarctic)
if readelf -d search_static | grep libantarctic; then exit 1; fi

picture=$demo/pictures/scene_03.jpg
./embed_image "$demo/clip" "$picture" ours.npy
run 0 embed --model "$demo/clip" --out theirs.npy --images "$picture"
cmp ours.npy theirs.npy

# the program's caption of this picture, and the cache that the run built
run 0 caption "$source/configs/demo.yaml" --run out --set input.path="$picture"
./caption_image "$demo/clip" "$demo/bart" "$demo/layer_norms.safetensors" out/cache "$picture" > ours.txt
jq -r .caption out/captions.jsonl | cmp - ours.txt

run 0 topk --cache out/cache --model "$demo/clip" -k 7 --text 'a red car'
sed 1d said.txt | sed -E 's/^ *[0-9]+ +([-0-9.]+) +([0-9]+) +/\1 \2 /' > theirs.txt
[ "$(wc -l < theirs.txt)" -eq 7 ]
./search_cache out/cache "$demo/clip" 'a red car' 7 | cmp - theirs.txt
./search_static out/cache "$demo/clip" 'a red car' 7 | cmp - theirs.txt

# errors: a message, not a crash
fails() { # fails PATTERN PROGRAM ARGUMENTS…
  local pattern=$1 code=0
  shift
  "$@" > said.txt 2>&1 || code=$?
  [ $code -eq 1 ]
  says "$pattern"
}
fails 'none.jpg: unreadable' ./embed_image "$demo/clip" none.jpg x.npy
fails 'nowhere' ./search_cache nowhere "$demo/clip" zebra 3
fails 'nowhere' ./caption_image "$demo/clip" "$demo/bart" nowhere out/cache "$picture"
fails 'usage' ./search_cache out/cache

# CMake's package
mkdir user
printf 'cmake_minimum_required(VERSION 3.18)\nproject(user C)\nfind_package(antarctic REQUIRED)\nadd_executable(search %s)\ntarget_link_libraries(search antarctic::antarctic)\n' \
  "$examples/search_cache.c" > user/CMakeLists.txt
cmake -S user -B user/build -DCMAKE_PREFIX_PATH="$PWD/prefix" > cmake.txt
cmake --build user/build > cmake.txt
user/build/search out/cache "$demo/clip" 'a red car' 7 | cmp - theirs.txt

# C++
if ! command -v c++ > /dev/null; then
  echo 'not tried: C++ (no compiler)'
  exit 0
fi
c++ -std=c++11 -Wall -Wextra -Werror "$examples/search_cache.cpp" -o search_cpp $(pkg-config --cflags --libs antarctic)
./search_cpp out/cache "$demo/clip" 'a red car' 7 | cmp - theirs.txt
fails 'nowhere' ./search_cpp nowhere "$demo/clip" zebra 3
