"use strict";
(() => {
  const at = (id) => document.getElementById(id);
  const read = (id) => JSON.parse(at(id).textContent);
  const facts = read("review-facts");
  const store = "antarctic-review-" + facts.run + "-" + facts.input;
  const words = { open: "Not reviewed", accepted: "Accepted", edited: "Edited", rejected: "Rejected" };
  const images = [];
  for (let b = 0; b < facts.blocks; b++)
    for (const [key, caption, score, computed, others, status, text] of read("review-" + b))
      images.push({ key, caption, score, computed, others, was: status, wasText: text, status, text });
  let now = 0, editing = false;
  let thumbnails = { block: -1, list: [] };

  /* ---- what was decided stays in this browser ---- */

  const changed = (x) => x.status !== x.was || (x.status === "edited" && x.text !== x.wasText);
  let kept = {}; // key -> [status, text, computed]

  function load() {
    try {
      kept = JSON.parse(localStorage.getItem(store)) || {};
    } catch {
      kept = {};
    }
    for (const x of images) {
      const k = Object.hasOwn(kept, x.key) ? kept[x.key] : null;
      if (!k || k[2] !== x.computed) continue;
      x.status = k[0];
      x.text = k[1];
    }
  }
  function keep(x) {
    kept[x.key] = [x.status, x.text, x.computed];
    try {
      localStorage.setItem(store, JSON.stringify(kept));
    } catch {
      say("This browser keeps nothing: save review.jsonl before you leave the page.");
    }
  }

  /* ---- the page ---- */

  function say(text) { at("review-say").textContent = text; }
  const thumbnail = (i) => {
    const block = Math.floor(i / facts.per_block);
    if (thumbnails.block !== block) thumbnails = { block, list: read("thumbnails-" + block) };
    return thumbnails.list[i % facts.per_block];
  };
  const textOf = (x) => (x.status === "edited" ? x.text : x.caption);

  function show() {
    const x = images[now], done = images.filter((y) => y.status !== "open").length;
    at("review-done").textContent = done;
    at("review-total").textContent = images.length;
    at("review-progress").max = Math.max(images.length, 1);
    at("review-progress").value = done;
    if (!x) {
      at("review-one").hidden = true;
      say("This run has no caption.");
      return;
    }
    const picture = thumbnail(now);
    at("review-image").hidden = !picture;
    at("review-image").alt = textOf(x);
    if (picture) at("review-image").src = "data:image/jpeg;base64," + picture;
    at("review-key").textContent = x.key + " · " + (now + 1) + " of " + images.length;
    at("review-caption").textContent = textOf(x);
    at("review-caption").className = "caption " + x.status;
    at("review-state").textContent = words[x.status];
    at("review-state").className = "state " + x.status;
    at("review-was").textContent = x.status === "edited" ? "computed: " + x.caption : x.score === null ? "" : "CLIP score " + x.score.toFixed(4);
    at("review-editor").hidden = !editing;
    at("review-decide").hidden = editing;
    at("review-undo").disabled = x.status === "open";
    const others = at("review-others");
    others.replaceChildren(...x.others.map((text, i) => {
      const item = document.createElement("li"), button = document.createElement("button"), key = document.createElement("kbd");
      button.type = "button";
      button.textContent = text;
      key.textContent = i + 1;
      button.append(key);
      button.addEventListener("click", () => take(i));
      item.append(button);
      return item;
    }));
    at("review-others-box").hidden = editing || !x.others.length;
  }

  function go(step) {
    const only = at("review-only").checked;
    let i = now + step;
    while (only && i >= 0 && i < images.length && images[i].status !== "open") i += step;
    editing = false;
    if (i < 0 || i >= images.length) {
      say(only ? "All captions in this direction are reviewed." : step > 0 ? "This was the last image." : "This is the first image.");
      show();
      return;
    }
    now = i;
    say("");
    show();
  }
  function decide(status, text) {
    const x = images[now];
    if (!x) return;
    x.status = status;
    x.text = text || "";
    keep(x);
    if (status === "open") show();
    else go(1);
    say(words[status] + ": " + x.key);
  }
  function take(i) {
    const x = images[now];
    if (x && i < x.others.length) decide("edited", x.others[i]);
  }
  function edit() {
    if (!images[now]) return;
    editing = true;
    show();
    at("review-text").value = textOf(images[now]);
    at("review-text").focus();
    at("review-text").select();
  }
  function finish(keeps) {
    const x = images[now], text = at("review-text").value.replace(/\s+/g, " ").trim();
    if (keeps && !text) {
      say("A caption cannot be empty: reject it instead.");
      return;
    }
    editing = false;
    at("review-text").blur();
    if (!keeps) show();
    else if (text === x.caption) decide("accepted");
    else decide("edited", text);
  }

  /* ---- review.jsonl ---- */

  function lines() {
    const head = { antarctic_review: 1, run: facts.run, input: facts.input, folder: facts.folder };
    const rows = images.filter((x) => x.status !== "open" || changed(x)).map((x) => {
      const row = { key: x.key, status: x.status };
      if (x.status === "edited") row.caption = x.text;
      row.computed = x.computed;
      return row;
    });
    return [head, ...rows].map((x) => JSON.stringify(x) + "\n").join("");
  }
  function save() {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([lines()], { type: "application/x-ndjson" }));
    link.download = "review.jsonl";
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    say("Saved as review.jsonl, where this browser puts downloads.");
  }

  /* ---- keys and buttons ---- */

  const keys = {
    a: () => decide("accepted"), e: edit, r: () => decide("rejected"), x: () => decide("rejected"), u: () => decide("open"), s: save,
    j: () => go(1), k: () => go(-1), arrowright: () => go(1), arrowleft: () => go(-1),
  };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (editing) {
      if (event.key === "Escape" || (event.key === "Enter" && !event.shiftKey && event.target === at("review-text"))) {
        event.preventDefault();
        finish(event.key === "Enter");
      }
      return;
    }
    const key = event.key.toLowerCase();
    if (/^[1-9]$/.test(key)) take(key - 1);
    else if (Object.hasOwn(keys, key)) keys[key]();
    else return;
    event.preventDefault();
  });
  for (const [id, act] of Object.entries({ accept: keys.a, edit, reject: keys.r, undo: keys.u, before: keys.k, next: keys.j, save,
    keep: () => finish(true), cancel: () => finish(false) }))
    at("review-" + id).addEventListener("click", act);
  at("review-only").addEventListener("change", () => {
    if (at("review-only").checked && images[now] && images[now].status !== "open") go(1);
  });

  load();
  now = Math.max(images.findIndex((x) => x.status === "open"), 0);
  show();
})();
