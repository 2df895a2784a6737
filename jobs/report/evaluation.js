// Captions with their scores: data lies in the page as blocks of JSON (items-N), thumbnails of the best and worst in one more.
"use strict";
(function () {
  const PER_PAGE = 50, SHOWN = 24, BINS = 24;
  const byId = (id) => document.getElementById("evaluation-" + id);
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const facts = read("evaluation-facts"), thumbnails = read("evaluation-thumbnails"); // {blocks, items, names}
  const names = facts.names;

  // A record: [number, key, caption, [references], [values], evidence or null, the other caption or null]
  const records = [];
  for (let b = 0; b < facts.blocks; b++) for (const r of read("items-" + b)) records.push(r);
  const haystacks = new Array(records.length);
  let metric = Math.max(0, ["CIDEr", "CLIPScore"].map((n) => names.indexOf(n)).find((i) => i >= 0) ?? 0);
  let sorted = { by: -1, down: false }, shown = [], page = 0;

  function element(name, className, text) {
    const e = document.createElement(name);
    if (className) e.className = className;
    if (text !== undefined) e.textContent = text;
    return e;
  }
  const number = (x) => (x === null ? "–" : x.toFixed(3));
  const value = (r, c) => r[4][c];

  function haystack(i) {
    if (haystacks[i] === undefined) haystacks[i] = [records[i][1], records[i][2], ...(records[i][3] || [])].join("\n").toLowerCase();
    return haystacks[i];
  }

  // Values that are there, by value; equal ones in the order of items. As the report's writer orders them.
  function ranked(sign) {
    const order = records.filter((r) => value(r, metric) !== null);
    order.sort((a, b) => sign * (value(a, metric) - value(b, metric)) || a[0] - b[0]);
    return order;
  }

  function caption(r, tag) {
    const heading = element(tag, "caption");
    if (r[5] && r[5].words.length) markCaption(heading, r[5]);
    else heading.textContent = r[2] || "(empty)";
    return heading;
  }

  function card(r) {
    const article = element("article", "image"), image = thumbnails[r[0]], top = element("div", image ? "top" : "top bare");
    if (image) {
      const img = element("img");
      img.alt = "image " + r[1];
      img.src = "data:image/jpeg;base64," + image;
      img.width = img.height = 112;
      top.append(img);
    }
    const words = element("div");
    words.append(caption(r, "h3"), element("p", "key", r[1]));
    const score = element("span", "score", number(value(r, metric)));
    score.append(element("small", "", " " + names[metric]));
    words.append(score);
    top.append(words);
    article.append(top);
    if (r[6] !== null && r[6] !== undefined) {
      article.append(element("h4", "", "The other caption"), element("p", "", r[6]));
    }
    if (r[3] && r[3].length) {
      const list = element("ul", "references");
      list.append(...r[3].map((t) => element("li", "", t)));
      article.append(element("h4", "", "References"), list);
    }
    if (r[5] && r[5].spans.length) {
      const list = element("ul", "entries");
      list.append(...[...new Set(r[5].spans.map((s) => s.entry))].map((t) => element("li", "", t)));
      article.append(element("h4", "", "Entries that its words come from"), list);
    }
    return article;
  }

  // Captions that nobody reads twice: a small set shows each once.
  function bestAndWorst() {
    const down = ranked(-1), n = Math.min(SHOWN, Math.ceil(down.length / 2));
    byId("best").replaceChildren(...down.slice(0, n).map(card));
    byId("worst").replaceChildren(...ranked(1).slice(0, Math.min(n, down.length - n)).map(card));
    byId("best-title").textContent = "Best by " + names[metric];
    byId("worst-title").textContent = "Worst by " + names[metric];
  }

  function histogram(c) {
    const values = records.map((r) => value(r, c)).filter((x) => x !== null);
    const low = Math.min(...range(values)), high = Math.max(...range(values)), counts = new Array(BINS).fill(0);
    for (const x of values) counts[high > low ? Math.min(BINS - 1, Math.floor((BINS * (x - low)) / (high - low))) : 0]++;
    const most = Math.max(...counts, 1), figure = element("figure", "panel");
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("class", "bins");
    svg.setAttribute("viewBox", "0 0 " + BINS * 10 + " 60");
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", names[c] + ": " + values.length + " captions from " + number(low) + " to " + number(high));
    counts.forEach((n, i) => {
      const bar = document.createElementNS("http://www.w3.org/2000/svg", "rect"), h = (58 * n) / most;
      for (const [k, v] of [["x", i * 10 + 1], ["y", 60 - h], ["width", 8], ["height", h]]) bar.setAttribute(k, v);
      svg.append(bar);
    });
    const ends = element("p", "ends");
    ends.append(element("span", "", number(low)), element("span", "", number(high)));
    figure.append(element("figcaption", "", names[c]), svg, ends);
    return values.length ? figure : "";
  }
  // Not all at once as arguments of one call: there may be ten thousand.
  const range = (values) => values.reduce(([a, b], x) => [Math.min(a, x), Math.max(b, x)], [Infinity, -Infinity]);

  function header() {
    const row = element("tr"), titles = ["Caption", ...names];
    titles.forEach((title, c) => {
      const cell = element("th"), button = element("button", "", title);
      button.type = "button";
      if (sorted.by === c) {
        cell.setAttribute("aria-sort", sorted.down ? "descending" : "ascending");
        button.append(sorted.down ? " ↓" : " ↑");
      }
      button.addEventListener("click", () => {
        sorted = { by: c, down: sorted.by === c ? !sorted.down : c > 0 };
        list();
      });
      cell.append(button);
      row.append(cell);
    });
    byId("table").tHead.replaceChildren(row);
  }

  function line(r) {
    const row = element("tr"), first = element("td");
    first.append(caption(r, "div"), element("div", "key", r[1]));
    row.append(first);
    names.forEach((name, c) => {
      const cell = element("td", "number", number(value(r, c)));
      cell.dataset.name = name;
      row.append(cell);
    });
    return row;
  }

  function draw() {
    const pages = Math.max(1, Math.ceil(shown.length / PER_PAGE));
    page = Math.min(page, pages - 1);
    header();
    byId("table").tBodies[0].replaceChildren(...shown.slice(page * PER_PAGE, (page + 1) * PER_PAGE).map(line));
    byId("status").textContent = (shown.length === records.length ? "" : shown.length + " of ") + records.length + " captions" +
      (records.length < facts.items ? ", chosen from " + facts.items : "") + ". A column's head sorts by it.";
    byId("pager").hidden = pages === 1;
    byId("page").replaceChildren(...Array.from({ length: pages }, (_, i) => new Option(i + 1, i, false, i === page)));
    byId("pages").textContent = pages;
    byId("previous").disabled = page === 0;
    byId("next").disabled = page === pages - 1;
  }

  function list() {
    const words = byId("search").value.toLowerCase().trim(), c = sorted.by - 1, sign = sorted.down ? -1 : 1;
    shown = records.filter((_, i) => !words || haystack(i).includes(words));
    if (sorted.by === 0) shown.sort((a, b) => sign * (a[2] < b[2] ? -1 : a[2] > b[2] ? 1 : a[0] - b[0]));
    if (sorted.by > 0)
      shown.sort((a, b) => (value(a, c) === null) - (value(b, c) === null) || sign * (value(a, c) - value(b, c)) || a[0] - b[0]);
    page = 0;
    draw();
  }

  byId("histograms").replaceChildren(...names.map((_, c) => histogram(c)));
  byId("metric").replaceChildren(...names.map((n, i) => new Option(n, i, i === metric, i === metric)));
  byId("metric").addEventListener("change", (e) => { metric = Number(e.target.value); bestAndWorst(); });
  byId("search").addEventListener("input", list);
  byId("controls").addEventListener("submit", (e) => e.preventDefault());
  byId("page").addEventListener("change", (e) => { page = Number(e.target.value); draw(); });
  byId("previous").addEventListener("click", () => { page--; draw(); });
  byId("next").addEventListener("click", () => { page++; draw(); });
  byId("legend").hidden = !records.some((r) => r[5]);
  byId("untrained").hidden = !records.some((r) => r[5] && r[5].not_in_training);
  bestAndWorst();
  list();
})();
