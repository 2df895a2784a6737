// The gallery: data lies in the page as blocks of JSON (ids pictures-N, thumbnails-N), texts are read at once, thumbnails
// when a card needs them, and one page of cards is in the document at a time.
"use strict";
(function () {
  const PER_PAGE = 48, FIRST_CANDIDATES = 4;
  const byId = (id) => document.getElementById(id);
  const read = (id) => JSON.parse(byId(id).textContent);
  const facts = read("gallery-facts"); // {blocks, per_block, low, high, total, titles: {candidates, entries}, unit}

  // A record: [key, caption or null, score or null, [[text, score, label], ...], [[entry, score], ...], evidence if any]
  // A story is a candidate [text, null, note, prompt].
  const records = [];
  for (let b = 0; b < facts.blocks; b++) for (const r of read("pictures-" + b)) records.push(r);
  const order = records.map((_, i) => i);
  const haystacks = new Array(records.length);
  const thumbnails = [];
  let shown = order, page = 0;

  function haystack(i) {
    if (haystacks[i] === undefined) {
      const r = records[i];
      haystacks[i] = [r[0], r[1] || "", ...r[3].map((c) => c[0]), ...r[4].map((e) => e[0])].join("\n").toLowerCase();
    }
    return haystacks[i];
  }

  function thumbnail(i) {
    const block = Math.floor(i / facts.per_block);
    if (!thumbnails[block]) thumbnails[block] = read("thumbnails-" + block);
    return thumbnails[block][i % facts.per_block];
  }

  function element(name, className, text) {
    const e = document.createElement(name);
    if (className) e.className = className;
    if (text !== undefined) e.textContent = text;
    return e;
  }

  const number = (x) => (x === null ? "" : x.toFixed(3));

  function bar(score) {
    const track = element("div", "track"), fill = element("div", "fill");
    const share = facts.high > facts.low ? (score - facts.low) / (facts.high - facts.low) : 1;
    fill.style.width = Math.max(2, 100 * Math.min(1, share)).toFixed(1) + "%";
    track.append(fill);
    return track;
  }

  function storyItem(c) {
    const item = element("li", "story"), text = element("p");
    if (c[3]) text.append(element("em", "", c[3]));
    text.append(c[0]);
    item.append(text, element("small", "", c[2]));
    return item;
  }

  function candidateItem(c, caption) {
    if (c.length > 3) return storyItem(c);
    const item = element("li", c[0] === caption ? "best" : ""), line = element("div", "line"), text = element("span", "text", c[0]);
    if (c[2]) text.append(element("span", "label", " " + c[2]));
    line.append(text, element("span", "number", number(c[1])));
    item.append(line);
    if (c[1] !== null) item.append(bar(c[1]));
    return item;
  }

  function candidateList(list, caption) {
    const ul = element("ul", "candidates");
    ul.append(...list.map((c) => candidateItem(c, caption)));
    return ul;
  }

  function card(i) {
    const [key, caption, score, candidates, entries, evidence] = records[i], root = element("article", "image");
    const top = element("div", "top"), words = element("div"), jpeg = thumbnail(i);
    if (jpeg) {
      const image = element("img");
      image.src = "data:image/jpeg;base64," + jpeg;
      image.alt = caption === null ? key : caption;
      image.width = image.height = 112;
      top.append(image);
    } else {
      top.classList.add("bare");
    }
    const heading = element("h3");
    if (evidence && evidence.words.length) markCaption(heading, evidence);
    else heading.textContent = caption === null ? key : caption || "(empty)";
    words.append(heading);
    if (caption !== null) words.append(element("p", "key", key));
    if (score !== null) {
      const s = element("p", "score", number(score));
      s.append(element("small", "", " CLIP"));
      words.append(s);
    }
    top.append(words);
    root.append(top);
    if (candidates.length) {
      root.append(element("h4", "", facts.titles.candidates), candidateList(candidates.slice(0, FIRST_CANDIDATES), caption));
      if (candidates.length > FIRST_CANDIDATES) {
        const more = element("details");
        more.append(element("summary", "", candidates.length - FIRST_CANDIDATES + " more"));
        more.append(candidateList(candidates.slice(FIRST_CANDIDATES), caption));
        root.append(more);
      }
    }
    if (entries.length) {
      const list = element("ol", "entries");
      for (const [entry, s] of entries) {
        const item = element("li", "", entry);
        item.append(element("span", "number", number(s)));
        list.append(item);
      }
      root.append(element("h4", "", facts.titles.entries), list);
    }
    return root;
  }

  function draw() {
    const pages = Math.max(1, Math.ceil(shown.length / PER_PAGE));
    page = Math.min(Math.max(page, 0), pages - 1);
    byId("gallery-cards").replaceChildren(...shown.slice(page * PER_PAGE, (page + 1) * PER_PAGE).map(card));
    byId("gallery-status").textContent =
      (shown.length === records.length ? "" : shown.length + " of ") + records.length + " " + facts.unit + (records.length === 1 ? "" : "s") +
      (facts.total > records.length ? ", chosen evenly from all " + facts.total + "; search and order go over these" : "") +
      (facts.high > facts.low ? ". Bars run from " + facts.low.toFixed(2) + " to " + facts.high.toFixed(2) + "." : "");
    byId("gallery-pager").hidden = pages === 1;
    const select = byId("gallery-page");
    if (select.length !== pages) select.replaceChildren(...Array.from({ length: pages }, (_, p) => new Option(String(p + 1), String(p))));
    select.value = String(page);
    byId("gallery-pages").textContent = pages;
    byId("gallery-previous").disabled = page === 0;
    byId("gallery-next").disabled = page === pages - 1;
  }

  function select() {
    const words = byId("gallery-search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const by = byId("gallery-order").value, sign = by[0] === "-" ? -1 : 1;
    shown = words.length ? order.filter((i) => words.every((w) => haystack(i).includes(w))) : order.slice();
    // records come in the order of keys; images without a score go last
    if (by.endsWith("score"))
      shown.sort((a, b) => {
        const x = records[a][2], y = records[b][2];
        return (x === null) - (y === null) || (x === null ? 0 : sign * (x - y)) || a - b;
      });
    else if (sign < 0) shown.reverse();
    page = 0;
    draw();
  }

  function turn(to) {
    page = to;
    draw();
    byId("gallery-controls").scrollIntoView({ block: "start" });
  }

  let timer = 0;
  byId("gallery-controls").addEventListener("submit", (e) => e.preventDefault());
  byId("gallery-search").addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(select, 120);
  });
  byId("gallery-order").addEventListener("change", select);
  byId("gallery-previous").addEventListener("click", () => turn(page - 1));
  byId("gallery-next").addEventListener("click", () => turn(page + 1));
  byId("gallery-page").addEventListener("change", (e) => turn(Number(e.target.value)));
  document.addEventListener("keydown", (e) => {
    if (e.key === "/" && !/^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) {
      e.preventDefault();
      byId("gallery-search").focus();
    }
  });
  if (!records.some((r) => r[2] !== null)) // nothing to sort by
    for (const option of [...byId("gallery-order").options]) if (option.value.endsWith("score")) option.remove();
  select();
})();
