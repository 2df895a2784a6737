// A caption whose words are marked: those of a span stand in a retrieved entry, the others of not_in_table in none,
// those of not_in_training in no training caption.
"use strict";
function markCaption(heading, evidence) {
  const missing = new Set(evidence.not_in_table), untrained = new Set(evidence.not_in_training || []);
  const spans = new Map(evidence.spans.map((s) => [s.from, s]));
  for (let i = 0; i < evidence.words.length; ) {
    const s = spans.get(i), n = s ? s.count : 1, text = evidence.words.slice(i, i + n).join(" ");
    const mark = document.createElement("span");
    evidence.words.slice(i, i + n).forEach((word, k) => {
      const part = document.createElement(untrained.has(word) ? "em" : "span");
      part.textContent = word;
      if (untrained.has(word)) part.className = "untrained";
      if (k) mark.append(" ");
      mark.append(part);
    });
    mark.className = s ? "copied" : missing.has(text) ? "novel" : "";
    if (s) mark.title = "from the entry “" + s.entry + "” (" + s.id + ")";
    if (i) heading.append(" ");
    heading.append(mark);
    i += n;
  }
}
