// llama.cpp by node-llama-cpp, one side of bench/stories.py: llama_cpp.mjs MODEL THREADS. Each line "LINES TOKENS [TOGETHER]" is a round as in
// bench/stories.c; TOGETHER prompts are decoded in one batch (default: all).
import {createRequire} from "node:module";
import readline from "node:readline";
import {pathToFileURL} from "node:url";

const require = createRequire(process.cwd() + "/");
const {getLlama} = await import(pathToFileURL(require.resolve("node-llama-cpp")).href);
const [file, threads] = [process.argv[2], Number(process.argv[3])];
const PROMPT = 12, COMMON = 6;
const llama = await getLlama({gpu: false, build: "never", maxThreads: threads, progressLogs: false});
const model = await llama.loadModel({modelPath: file});
const vocabulary = 49152;
console.log(JSON.stringify({name: "llama.cpp", version: llama.llamaCppRelease.release, kernels: llama.systemInfo.replace(/\s+/g, " ").trim()}));

const contexts = new Map();
async function contextOf(lines, tokens) {
  if (!contexts.has(lines)) {
    for (const context of contexts.values())
      await context.dispose();
    contexts.clear();
    contexts.set(lines, await model.createContext({sequences: lines, contextSize: PROMPT + tokens + 8, batchSize: Math.max(lines * PROMPT, 64),
      threads: {ideal: threads, min: threads}, flashAttention: process.env.FLASH === "1"}));
  }
  return contexts.get(lines);
}

function prompt(t) {
  return Array.from({length: PROMPT}, (_, i) => 100 + ((i < COMMON ? 0 : t) * 7919 + i * 104729) % (vocabulary - 200));
}

async function continuePrompt(sequence, t, tokens, sampled) {
  const options = sampled ? {temperature: 0.8, topK: 40, topP: 0.9, minP: 0, seed: t, yieldEogToken: true} : {temperature: 0, yieldEogToken: true};
  let n = 0;
  await sequence.clearHistory();
  for await (const _ of sequence.evaluate(prompt(t), options))
    if (++n === tokens)
      break;
  return n;
}

for await (const line of readline.createInterface({input: process.stdin})) {
  const [lines, tokens, together = lines] = line.trim().split(/\s+/).map(Number);
  const context = await contextOf(together, tokens);
  const free = Array.from({length: together}, (_, i) => context._antarcticSequences?.[i] ?? context.getSequence());
  context._antarcticSequences = free;
  const start = process.hrtime.bigint(), before = process.cpuUsage();
  let made = 0;
  for (let first = 0; first < lines; first += together)
    made += (await Promise.all(free.slice(0, lines - first).map((sequence, i) => continuePrompt(sequence, first + i, tokens, lines > 1)))).reduce((a, b) => a + b);
  const used = process.cpuUsage(before);
  console.log(JSON.stringify({seconds: Number(process.hrtime.bigint() - start) / 1e9, cpu: (used.user + used.system) / 1e6, tokens: made}));
}
process.exit(0);
