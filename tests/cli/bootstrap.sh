# bootstrap.sh on the systems that it knows, and on another: which packages it asks for. A copy of it runs here, with a PATH of stand-ins
# for apt-get, dpkg-query, sudo, cmake and the like; /etc/os-release is a file of the test. Nothing is installed or built.
cp "$source/bootstrap.sh" .
mkdir bin
for program in bash cat cp cut dirname env fold grep mkdir rm sed sha256sum sort tr; do
  ln -s "$(command -v $program)" bin/$program
done
# stand_in NAME LINE…: a program of these lines.
stand_in() {
  { printf '#!/bin/bash\n'; printf '%s\n' "${@:2}"; } > "bin/$1"
  chmod +x "bin/$1"
}
stand_in id 'cat id.txt'
stand_in sudo 'echo sudo >> apt.txt; exec "$@"'
stand_in dpkg-query 'if grep -qx "${@: -1}" installed.txt; then printf "install ok installed"; else exit 1; fi'
stand_in apt-get 'echo "$@" >> apt.txt' 'for name; do if grep -qx -- "$name" unknown.txt; then echo "E: Unable to locate package $name" >&2; exit 100; fi; done'
stand_in cmake 'echo "$@" >> cmake.txt'
stand_in ctest 'true'
stand_in pip3 '[ "$*" = --version ]' # it is there, and fetches nothing
for program in cc ninja pkg-config mpirun; do stand_in $program 'exit 1'; done

# bootstrap ID VERSION EXPECTED_CODE COMMAND: on that system. Then asked.txt has the packages that apt-get was asked for, one per line.
bootstrap() {
  local code=0
  printf 'PRETTY_NAME="%s %s (some name)"\nNAME="%s"\nVERSION_ID="%s"\nID=%s\n' "$1" "$2" "$1" "$2" "$1" > os-release
  rm -f apt.txt cmake.txt
  : > apt.txt
  PATH=$PWD/bin AC_OS_RELEASE=$PWD/os-release bash ./bootstrap.sh "$4" > said.txt 2>&1 || code=$?
  [ $code -eq "$3" ] || { echo "exit $code, expected $3: $*"; cat said.txt; exit 1; }
  sed -n 's/^install //p' apt.txt | tr ' ' '\n' | sed '/^-/d' | sort -u > asked.txt
}
says() { grep -q -- "$1" said.txt || { echo "not said: $1"; cat said.txt; exit 1; }; }
silent_of() { if grep -- "$1" said.txt; then echo "said: $1"; exit 1; fi; }
# asks NAME…, asks_not NAME…: these are among the packages, or none of them is.
asks() { local name; for name; do grep -qx -- "$name" asked.txt || { echo "not asked for: $name"; cat asked.txt; exit 1; }; done; }
asks_not() { local name; for name; do if grep -x -- "$name" asked.txt; then echo "asked for"; exit 1; fi; done; }
listed() { # the names in bootstrap.sh's lists
  awk '/^[a-z]+_packages="/ { inside = 1 } inside { print } inside && /"$/ { inside = 0 }' bootstrap.sh |
    sed -E 's/^[a-z]+_packages=//; s/"/ /g' | tr -s ' ' '\n' | sed '/^$/d' | sort -u
}

# On Debian: all names as the lists have them, on both versions.
echo 0 > id.txt
: > installed.txt
: > unknown.txt
for version in 12 13; do
  bootstrap debian $version 0 test
  listed | grep -vx -e python3-pip -e unzip > wanted.txt
  cmp wanted.txt asked.txt || { diff wanted.txt asked.txt; exit 1; }
  says 'Installing from Debian: build-essential cmake'
  silent_of untried
  bootstrap debian $version 0 build
  asks build-essential libjpeg62-turbo-dev libhdf5-dev zlib1g-dev libheif-dev libjxl-dev
  asks_not libjpeg-turbo8-dev libheif-plugin-libde265 libcmocka-dev slurmd clang-format-14 unzip
  grep -q 'preset release' cmake.txt
  if grep -e AC_WERROR cmake.txt; then exit 1; fi
  bootstrap debian $version 1 story # it ends where the model is not fetched
  asks python3-pip unzip jq
  says 'The language model could not be fetched'
done

# On Ubuntu 24.04: its own names for two, a word that it is untried, and no warning ends the build. Every name was looked up.
bootstrap ubuntu 24.04 0 test
listed | grep -vx -e python3-pip -e unzip | sed 's/^libjpeg62-turbo-dev$/libjpeg-turbo8-dev/; $a libheif-plugin-libde265' | sort > wanted.txt
cmp wanted.txt asked.txt || { diff wanted.txt asked.txt; exit 1; }
says 'On Ubuntu 24.04 this is untried'
says 'Installing from Ubuntu: build-essential cmake'
grep -q -e '--preset release -DAC_WERROR=OFF' cmake.txt
cp asked.txt all.txt
bootstrap ubuntu 24.04 1 story
asks libjpeg-turbo8-dev python3-pip unzip jq
sort -u all.txt asked.txt > names.txt
sed -n '/^## Ubuntu 24.04/,/^## /p' "$source/docs/PORTING.md" > section.txt
[ -s section.txt ]
while IFS= read -r name; do
  grep -qF -- "\`$name\`" section.txt || { echo "docs/PORTING.md does not say whether Ubuntu 24.04 has $name"; exit 1; }
done < names.txt

# Only what is missing is asked for, through sudo where this is not root.
grep -vx -e cmake -e libheif-plugin-libde265 names.txt > installed.txt
echo 1000 > id.txt
bootstrap ubuntu 24.04 0 build
printf 'cmake\nlibheif-plugin-libde265\n' | cmp - asked.txt
grep -qx sudo apt.txt
cp names.txt installed.txt
bootstrap ubuntu 24.04 0 build
says 'Packages: all are installed'
[ ! -s apt.txt ]
# A package that apt-get cannot locate: what to switch on. Formats of images may be missing, what the build needs may not.
: > installed.txt
echo libutf8proc-dev > unknown.txt
bootstrap ubuntu 24.04 100 build
says 'Unable to locate package libutf8proc-dev'
says 'add-apt-repository universe'
[ ! -e cmake.txt ]
grep -vx libjxl-dev names.txt > installed.txt
echo libjxl-dev > unknown.txt
bootstrap ubuntu 24.04 0 build
says 'add-apt-repository universe'
says 'Images of these formats are rejected'
[ -e cmake.txt ]
bootstrap debian 13 0 build
silent_of universe
# Neither root nor sudo: the command to give.
: > installed.txt
: > unknown.txt
mv bin/sudo sudo.away
bootstrap ubuntu 24.04 2 build
says 'apt-get install --no-install-recommends build-essential .*libjpeg-turbo8-dev'
[ ! -s apt.txt ]
mv sudo.away bin/sudo
echo 0 > id.txt

# On another system, and on another version of these: nothing is installed; the names, and what is missing.
for other in 'fedora 41' 'ubuntu 22.04' 'ubuntu 26.04' 'debian 11' 'debian '; do
  bootstrap ${other% *} "${other#* }" 0 build
  says "This is ${other% *} .*not Debian 12 or 13 or Ubuntu 24.04, so no packages are installed"
  says libjpeg62-turbo-dev
  says libjxl-dev
  grep -q -e '--preset release -DAC_WERROR=OFF' cmake.txt
  [ ! -s apt.txt ]
done
rm bin/ninja
bootstrap fedora 41 2 build
says 'which were not found: ninja'
[ ! -e cmake.txt ]
