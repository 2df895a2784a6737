# cmake --install: the program, configs, docs and the demo, which runs from there.
. "$source/tests/cli/lib.sh"
command -v cmake > /dev/null || { echo 'skipped: no cmake'; exit 77; }
build=$(dirname "$antarctic")
cmake --install "$build" --prefix "$PWD/prefix" > installed.txt
share=prefix/share/antarctic-captions
for file in prefix/bin/antarctic $share/README.md $share/LICENSE $share/docs/FORMATS.md $share/configs/demo.yaml $share/models/demo/README.md; do
  [ -s "$file" ] || { echo "not installed: $file"; exit 1; }
done
antarctic=$PWD/prefix/bin/antarctic
printf 'zebra\n' > cache.txt
run 0 caption $share/configs/demo.yaml --run out --set cache.path=cache.txt --set input.path=$share/models/demo/pictures/scene_00.jpg
[ "$(wc -l < out/captions.jsonl)" -eq 1 ]
