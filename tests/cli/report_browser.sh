# The report in a browser: cards, search, order, pages. Needs chromium, which nothing else does.
. "$source/tests/cli/lib.sh"
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || { echo 'skipped: no chromium here'; exit 77; }
mkdir images
for i in $(seq 10 69); do cp "$demo/pictures/scene_$(printf '%02d' $((i % 40))).jpg" "images/p$i.jpg"; done
: > images/empty.png
echo text > images/words.jpg
small_job job.yaml images
run 0 caption job.yaml --run out

# dom SCRIPT: the document after SCRIPT ran in it
dom() {
  sed "s|</body>|<script>addEventListener('load', () => { const at = (id) => document.getElementById(id); $1 })</script></body>|" out/report.html > page.html
  timeout 60 "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$PWD/profile" --virtual-time-budget=3000 --dump-dom "file://$PWD/page.html" 2> /dev/null > dom.html
}
cards() { grep -o '<article class="image">' dom.html | wc -l; }
first() { grep -o '<p class="key">[^<]*' dom.html | sed -n 1p; }

dom ''
[ "$(cards)" -eq 48 ]
[ "$(first)" = '<p class="key">p10' ]
grep -q '60 images\.' dom.html
grep -q 'alt="' dom.html
grep -q 'of <span id="gallery-pages">2<' dom.html
dom "at('gallery-next').click();"
[ "$(cards)" -eq 12 ]
[ "$(first)" = '<p class="key">p58' ]
dom "at('gallery-search').value = 'P6 '; at('gallery-search').dispatchEvent(new Event('input'));"
[ "$(cards)" -eq 10 ]
grep -q '10 of 60 images' dom.html
dom "at('gallery-search').value = 'nothing like that'; at('gallery-search').dispatchEvent(new Event('input'));"
[ "$(cards)" -eq 0 ]
grep -q '0 of 60 images' dom.html
dom "at('gallery-order').value = '-key'; at('gallery-order').dispatchEvent(new Event('change'));"
[ "$(first)" = '<p class="key">p69' ]
dom "at('gallery-order').value = '-score'; at('gallery-order').dispatchEvent(new Event('change'));"
best=$(jq -s -r 'sort_by(-.clip_score, .key) | .[0].key' out/captions.jsonl)
[ "$(first)" = "<p class=\"key\">$best" ]

# on a phone no label runs into its bar, and no reason is broken in the middle of a word
dom "document.querySelector('.columns').style.width = '300px'; document.querySelector('details').open = true; \
const high = (s) => s.clientHeight / parseFloat(getComputedStyle(s).fontSize); \
const spilt = [...document.querySelectorAll('.bars li > span:first-child')].filter((s) => Math.max(s.scrollWidth - s.clientWidth, high(s) - 2) > 0); \
const broken = [...document.querySelectorAll('table.list td:nth-child(2)')].filter((s) => s.scrollWidth > s.clientWidth ? true : s.innerText.length > 17 ? s.clientWidth < 100 : false); \
document.title = 'spilt ' + spilt.length + ', broken ' + broken.length;"
grep -q '<title>spilt 0, broken 0</title>' dom.html || { grep -o '<title>[^<]*' dom.html; exit 1; }
