# measure at the demo's shapes: every backend of the build gives a speed; the advice is a setting that exists.
"$antarctic" measure --model "$demo/bart" --json >out.json
[ "$(wc -l < out.json)" -eq 1 ] # jq -e of an empty file says yes
jq -e '.cores >= 1 and .read_gb_per_second.all_threads > 0' out.json >/dev/null
jq -e '.multiply_add_gflops | .one_thread > 0 and .all_threads > 0' out.json >/dev/null
# what bounds a product: reading weights, or multiply-adds
jq -e '[.products[] | select(.backend == "native" and .precision == "fp32") | .of_reading > 0 and .of_multiply_adds > 0] | length == 10 and all' out.json >/dev/null
jq -e "[.products[] | .gflops > 0 and .gflops_one_thread > 0] | length > 9 and all" out.json >/dev/null
jq -e '[.products[].backend] | unique | index("native") != null and index("openblas") != null' out.json >/dev/null
jq -e '.compute.backend as $b | ["native", "openblas", "onednn"] | index($b) != null' out.json >/dev/null
width=$(jq .d_model "$demo/bart/config.json")
jq -e --argjson width "$width" '[.products[] | select(.layer == "bart decoder qkv")] | length > 0 and all(.in == $width and .out == 3 * $width)' out.json >/dev/null

code=0
"$antarctic" measure --model nowhere 2>err.txt || code=$?
[ "$code" -eq 2 ]
grep -q "nowhere" err.txt
