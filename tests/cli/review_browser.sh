# The review page in a browser: keys, buttons, what is saved, what stays after a reload; on a phone. Needs chromium.
. "$source/tests/cli/lib.sh"
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || { echo 'skipped: no chromium here'; exit 77; }
mkdir images
cp "$demo"/pictures/scene_0[0-4].jpg images/
small_job job.yaml images
run 0 caption job.yaml --run out --set generation.num_return_sequences=2
run 0 export out --format review --out review.html

# dom SIZE SCRIPT: the document after SCRIPT ran in it; the saved file's text goes into the title, base64
dom() {
  sed "s|</body>|<script>addEventListener('load', async () => { const at = (id) => document.getElementById('review-' + id); \
const key = (k, to) => (to \|\| document.body).dispatchEvent(new KeyboardEvent('keydown', { key: k, bubbles: true, cancelable: true })); \
let saved = null; URL.createObjectURL = (b) => { saved = b; return '#'; }; HTMLAnchorElement.prototype.click = () => {}; \
$2; if (saved) document.title = 'saved ' + btoa(unescape(encodeURIComponent(await saved.text()))); });</script></body>|" review.html > page.html
  timeout 60 "$browser" --headless --no-sandbox --disable-gpu --window-size="$1" --user-data-dir="$PWD/profile" --virtual-time-budget=3000 --dump-dom "file://$PWD/page.html" 2> browser.txt > dom.html
}
shown() { grep -q -- "$1" dom.html || { echo "not shown: $1"; grep -o '<title>[^<]*' dom.html; exit 1; }; }

dom 1200,900 "key('a'); key('e'); at('text').value = 'by  hand \\\\u0026 <b>'; key('Enter', at('text')); key('r'); key('ArrowRight'); key('1'); key('s')"
shown '<title>saved '
sed -n 's/.*<title>saved \([^<]*\)<.*/\1/p' dom.html | base64 -d > review.jsonl
[ "$(sed -n '2,$p' review.jsonl | jq -c '[.key, .status]' | tr '\n' ' ')" = '["scene_00","accepted"] ["scene_01","edited"] ["scene_02","rejected"] ["scene_04","edited"] ' ]
[ "$(jq -r 'select(.key == "scene_01") | .caption' review.jsonl)" = 'by hand & <b>' ]
shown '<span id="review-done">4</span> of <span id="review-total">5</span>'
run 0 import-review out review.jsonl
[ "$(jq -r .reviewed.caption out/captions.jsonl | sed -n 2p)" = 'by hand & <b>' ]

# again: the browser kept it, and shows the one that is open; Esc changes nothing; U opens again
dom 1200,900 "key('e'); at('text').value = 'never'; key('Escape', at('text'))"
shown '<span id="review-done">4</span>'
shown 'scene_03 · 4 of 5'
dom 1200,900 "key('k'); key('u'); at('before').click(); at('reject').click(); key('s')"
shown '<span id="review-done">3</span>'
sed -n 's/.*<title>saved \([^<]*\)<.*/\1/p' dom.html | base64 -d > second.jsonl
[ "$(sed -n '2,$p' second.jsonl | jq -c '[.key, .status]' | tr '\n' ' ')" = '["scene_00","accepted"] ["scene_01","rejected"] ["scene_04","edited"] ' ]

# on a phone nothing is wider than the screen, and every button has a name and can be hit
dom 500,800 "const wide = document.documentElement.scrollWidth > innerWidth ? 1 : 0; \
const small = [...document.querySelectorAll('.review button, #review-save')].filter((b) => b.offsetParent !== null).filter((b) => b.offsetHeight < 44 \|\| !b.textContent.trim()); \
document.title = 'wide ' + wide + ', small ' + small.length"
shown '<title>wide 0, small 0</title>'
