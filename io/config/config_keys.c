#include "io/config/config_keys.h"

#include "engine/kernels/kernel_set.h"
#include "engine/linear/compute.h"
#include "io/file/skip.h"

static const char *const compressions[] = { "zstd", "gzip", "none", NULL };
static const char *const backends[] = { "auto", "openblas", "onednn", "native", NULL };
static const char *const searches[] = { "hf5", "hf4.9", NULL };
static const char *const duplicate_words[] = { "drop", "keep", NULL };
static const char *const grouping_words[] = { "auto", "webdataset", "files", NULL };
static const char *const prefix_words[] = { "auto", "none", "tar", NULL };
static const char *const page_words[] = { "first", "all", NULL };
static const char *const store_words[] = { "original", "pixels", NULL };
static const char *const check_words[] = { "header", "decode", NULL };
static const char *const chat_words[] = { "none", "chatml", "llama3", NULL };
static const char *const rank_words[] = { "score", "clip", NULL };
static const char *const overflow_words[] = { "truncate", "refuse", NULL };
static const char *const missing_words[] = { "error", "skip", NULL };
static const char *const slurm_memory_words[] = { "node", "per-cpu", "none", NULL };
static const char *const loss_means[] = { "replica", "token", NULL };

#define AT(field) offsetof(ac_config, field)
#define GENERATION(name, type, least, most, help)                                             \
    {                                                                                         \
        "generation." #name, type, AT(generation.name), "auto", least, most, NULL, true, help \
    }

#define LATER(name, type, least, most, help)                                       \
    {                                                                              \
        "generation." #name, type, AT(generation.name), "auto", least, most, NULL, \
            AC_KEY_IF_SET, help                                                    \
    }

#define TRAINING(name, type, fallback, least, most, words, help)                       \
    {                                                                                  \
        "train." #name, type, AT(train.name), fallback, least, most, words, true, help \
    }

const ac_config_key ac_config_keys[] = {
    { "input.path", KEY_PATH, AT(input.path), "none", 0, 0, NULL, false,
      "a folder (searched recursively), one image, a .txt list of paths or an image dataset "
      "(of ingest); tars (data/{00000..00041}.tar, A.tar::B.tar, a list or folder of them)" },
    { "input.path.annotations", KEY_PATH, AT(input.path_annotations), "none", 0, 0, NULL, false,
      "COCO's captions_….json, in place of input.path: its captions are references" },
    { "input.path.images", KEY_PATH, AT(input.path_images), "none", 0, 0, NULL, false,
      "the folder of its images" },
    { "input.train", KEY_PATH, AT(input.train), "none", 0, 0, NULL, false,
      "a folder of images with a .txt beside each, tars, or {annotations: F.json, images: "
      "FOLDER}" },
    { "input.train.annotations", KEY_PATH, AT(input.train_annotations), "none", 0, 0, NULL,
      false, "COCO's captions_….json, in place of input.train" },
    { "input.train.images", KEY_PATH, AT(input.train_images), "none", 0, 0, NULL, false,
      "the folder of its images" },
    { "input.validation", KEY_PATH, AT(input.validation), "none", 0, 0, NULL, false,
      "as input.train: the images that choose the best checkpoint" },
    { "input.validation.annotations", KEY_PATH, AT(input.validation_annotations), "none", 0, 0,
      NULL, false, "as input.train.annotations" },
    { "input.validation.images", KEY_PATH, AT(input.validation_images), "none", 0, 0, NULL,
      false, "as input.train.images" },
    { "input.split", KEY_TEXT, AT(input.split), "all", 0, 0, NULL, false,
      "of annotations in Karpathy's form: all, or train, val, test, restval, joined by +" },
    { "input.train.split", KEY_TEXT, AT(input.train_split), "\"\"", 0, 0, NULL, false,
      "the same of input.train alone; \"\": as input.split" },
    { "input.validation.split", KEY_TEXT, AT(input.validation_split), "\"\"", 0, 0, NULL, false,
      "the same of input.validation alone; \"\": as input.split" },
    { "input.apply_exif", KEY_BOOL, AT(input.apply_exif), "false", 0, 0, NULL, true,
      "rotate images by their EXIF orientation" },
    { "input.pages", KEY_CHOICE, AT(input.pages), "first", 0, 0, page_words, false,
      "of a TIFF with several pages: only the first, or every page as an image of its own "
      "(KEY, KEY#2, …)" },
    { "input.captions", KEY_TEXT, AT(input.captions), "txt", 0, 0, NULL, AC_KEY_OF_INGEST,
      "where captions are: txt (the .txt file or member, one per line), json:FIELD (a field of "
      "what else came with the image), none" },
    { "input.grouping", KEY_CHOICE, AT(input.grouping), "auto", 0, 0, grouping_words,
      AC_KEY_OF_INGEST,
      "of tars: webdataset (members with the same key are one sample), files (each image is "
      "one); auto: files where the name of an image has a second dot" },
    { "input.key_prefix", KEY_CHOICE, AT(input.key_prefix), "auto", 0, 0, prefix_words, false,
      "of tars: keys begin with their tar's name; auto: where a key comes in more than one "
      "tar" },
    { "input.skip", KEY_TEXTS, AT(input.skip), ac_skip_default, 0, 0, NULL, false,
      "folders and files that a search passes over: a list of patterns such as \"@eaDir\" or "
      "\"*.part\", or none" },
    { "clip.model", KEY_PATH, AT(clip.model), "none", 0, 0, NULL, false,
      "CLIP: a folder of Hugging Face or OpenCLIP, a file of weights with its config beside "
      "it, or OpenAI's .pt" },
    { "clip.model_config", KEY_PATH, AT(clip.model_config), "none", 0, 0, NULL, false,
      "a config.json or open_clip_config.json that is not beside the weights" },
    { "cache.path", KEY_PATH_LIST, AT(cache.path), "none", 0, 0, NULL, false,
      "a cache folder (extend-cache: the one to extend), or a text file with one entry per "
      "line; or a list of them, [a, b], which are searched as one" },
    { "cache.duplicates", KEY_CHOICE, AT(cache.duplicates), "drop", 0, 0, duplicate_words, true,
      "what becomes of new entries that the cache has already, or that occur twice" },
    { "bart.model", KEY_PATH, AT(bart.model), "none", 0, 0, NULL, false,
      "Hugging Face folder of a BART model" },
    { "bart.layer_norms", KEY_PATH, AT(bart.layer_norms), "none", 0, 0, NULL, false,
      "trained layer norms (safetensors) that replace the model's" },
    { "retrieval.topk", KEY_INT, AT(retrieval.topk), "10", 1, 10000, NULL, true,
      "entries retrieved per image" },
    { "retrieval.max_tokens", KEY_OPTIONAL, AT(retrieval.max_tokens), "128", 3, 1e6, NULL, true,
      "prompts are truncated to this many tokens; none: the model's limit" },
    { "retrieval.templates", KEY_TEXTS, AT(retrieval.templates), "none", 0, 0, NULL,
      AC_KEY_IF_SET,
      "the entries are labels: a label's embedding is the mean of those of these sentences, "
      "[\"a photo of {}\"], and probabilities are written" },
    { "retrieval.duplicates", KEY_CHOICE, AT(retrieval.duplicates), "drop", 0, 0,
      duplicate_words, AC_KEY_IF_SET,
      "of several caches: what becomes of an entry that an earlier cache has, or that occurs "
      "twice in its own" },
    { "retrieval.deny", KEY_PATH, AT(retrieval.deny), "none", 0, 0, NULL, false,
      "a text file with one phrase per line: entries that contain a phrase are never "
      "retrieved" },
    GENERATION(num_beams, KEY_OPTIONAL, 1, 1000,
               "number of beams. All generation keys have transformers' names; auto: the value "
               "in the model's own files"),
    GENERATION(num_return_sequences, KEY_OPTIONAL, 1, 1e6, "candidates per image"),
    GENERATION(do_sample, KEY_OPTIONAL_BOOL, 0, 1,
               "sample tokens instead of choosing the most likely ones"),
    GENERATION(temperature, KEY_OPTIONAL_REAL, 0, 1e6, "softmax temperature, with do_sample"),
    GENERATION(top_k, KEY_OPTIONAL, 0, 1e9, "with do_sample; none: off"),
    GENERATION(top_p, KEY_OPTIONAL_REAL, 0, 1, "with do_sample; none: off"),
    LATER(min_p, KEY_OPTIONAL_REAL, 0, 1,
          "with do_sample: the least probability of a token, as a share of the likeliest "
          "token's; none: off"),
    LATER(typical_p, KEY_OPTIONAL_REAL, 0, 1,
          "with do_sample: the probability mass of the locally typical tokens; none: off"),
    LATER(top_h, KEY_OPTIONAL_REAL, 0, 1,
          "with do_sample: the share of the entropy that the likeliest tokens hold; none: off"),
    LATER(epsilon_cutoff, KEY_OPTIONAL_REAL, 0, 1,
          "with do_sample: the least probability of a token; none: off"),
    LATER(eta_cutoff, KEY_OPTIONAL_REAL, 0, 1,
          "with do_sample: as epsilon_cutoff, but lower where the entropy is high; none: off"),
    GENERATION(max_length, KEY_OPTIONAL, 2, 1e6, "most tokens, the start token counted"),
    LATER(max_new_tokens, KEY_OPTIONAL, 1, 1e6,
          "most tokens, the start token not counted; overrides max_length; neither: 20"),
    GENERATION(min_length, KEY_OPTIONAL, 0, 1e6, "fewest tokens, the start token counted"),
    LATER(min_new_tokens, KEY_OPTIONAL, 0, 1e6,
          "fewest tokens, the start token not counted; overrides min_length"),
    GENERATION(length_penalty, KEY_OPTIONAL_REAL, -100, 100,
               "a hypothesis scores sum of log-probabilities / length^penalty"),
    LATER(repetition_penalty, KEY_OPTIONAL_REAL, 1e-6, 1e6,
          "above 1: tokens that were generated already are less likely; none: off"),
    LATER(encoder_repetition_penalty, KEY_OPTIONAL_REAL, 1e-6, 1e6,
          "above 1: tokens of the prompt are likelier; none: off"),
    GENERATION(no_repeat_ngram_size, KEY_OPTIONAL, 0, 1000,
               "no n-gram of this size twice; none: off"),
    LATER(encoder_no_repeat_ngram_size, KEY_OPTIONAL, 0, 1000,
          "no n-gram of this size that the prompt has; none: off"),
    LATER(bad_words_ids, KEY_OPTIONAL_LIST, 0, 0,
          "sequences of token ids that are never generated: [[5, 6], [7]]; none: off"),
    LATER(suppress_tokens, KEY_OPTIONAL_LIST, 0, 0,
          "token ids that are never generated: [5, 6]; none: off"),
    LATER(begin_suppress_tokens, KEY_OPTIONAL_LIST, 0, 0,
          "token ids that no text begins with: [5, 6]; none: off"),
    LATER(sequence_bias, KEY_OPTIONAL_LIST, 0, 0,
          "added to the score of a sequence of token ids: [[[5, 6], -1.5]]; none: off"),
    LATER(exponential_decay_length_penalty, KEY_OPTIONAL_LIST, 0, 0,
          "[start, factor]: the end is likelier with each token after the start; none: off"),
    LATER(renormalize_logits, KEY_OPTIONAL_BOOL, 0, 1,
          "normalise the scores again after all processors and filters"),
    LATER(remove_invalid_values, KEY_OPTIONAL_BOOL, 0, 1,
          "scores that are not finite are replaced by the largest and smallest numbers"),
    GENERATION(early_stopping, KEY_OPTIONAL_EARLY, 0, 2, "false, true, never"),
    GENERATION(forced_bos_token_id, KEY_OPTIONAL, 0, 1e9,
               "first token after the start token; none: free"),
    GENERATION(forced_eos_token_id, KEY_OPTIONAL, 0, 1e9,
               "last token at max_length; none: free"),
    GENERATION(decoder_start_token_id, KEY_OPTIONAL, 0, 1e9, "start token"),
    LATER(eos_token_id, KEY_OPTIONAL_LIST, 0, 0,
          "token id that ends a text, or a list of them; none: only the length does"),
    LATER(stop_strings, KEY_OPTIONAL_TEXTS, 0, 0,
          "of causal language models: a text that ends what is generated, or a list of them: "
          "[\"The End\", \"###\"]; it is cut off; none: off"),
    { "generation.beam_search", KEY_CHOICE, AT(generation.beam_search), "hf5", 0, 0, searches,
      true, "beam search as in transformers 5, or as in 4.9 (2021)" },
    { "generation.clean_up_tokenization_spaces", KEY_BOOL,
      AT(generation.clean_up_tokenization_spaces), "false", 0, 0, NULL, true,
      "remove spaces before punctuation, as in 2021" },
    { "rescore.enabled", KEY_BOOL, AT(rescore.enabled), "true", 0, 0, NULL, true,
      "choose among the candidates by CLIP's score" },
    { "rescore.prefix", KEY_TEXT, AT(rescore.prefix), "\"\"", 0, 0, NULL, true,
      "prepended to a candidate for scoring only" },
    { "ngrams.lines", KEY_BOOL, AT(ngrams.lines), "true", 0, 0, NULL, true,
      "each line of the text is an entry" },
    { "ngrams.unigrams", KEY_BOOL, AT(ngrams.unigrams), "false", 0, 0, NULL, true,
      "the most frequent words" },
    { "ngrams.bigrams", KEY_BOOL, AT(ngrams.bigrams), "false", 0, 0, NULL, true,
      "the best by pointwise mutual information" },
    { "ngrams.trigrams", KEY_BOOL, AT(ngrams.trigrams), "false", 0, 0, NULL, true,
      "the best by pointwise mutual information" },
    { "ngrams.topk_ngrams", KEY_INT, AT(ngrams.topk_ngrams), "10000", 1, 1e9, NULL, true,
      "n-grams of each kind" },
    { "ngrams.filter", KEY_INT, AT(ngrams.filter), "3", 1, 1e15, NULL, true,
      "bigrams and trigrams seen fewer times are dropped" },
    { "ngrams.lower", KEY_BOOL, AT(ngrams.lower), "true", 0, 0, NULL, true, "lower-case" },
    { "ngrams.cross_lines", KEY_BOOL, AT(ngrams.cross_lines), "true", 0, 0, NULL, true,
      "n-grams continue over the ends of lines and files" },
    { "ngrams.prefix", KEY_TEXT, AT(ngrams.prefix), "\"\"", 0, 0, NULL, true,
      "prepended to each entry for embedding only" },
    { "ngrams.unique", KEY_BOOL, AT(ngrams.unique), "false", 0, 0, NULL, true,
      "drop an entry that occurred before" },
    { "ngrams.member_extension", KEY_TEXT, AT(ngrams.member_extension), "txt", 0, 0, NULL, true,
      "the extension of the members of a tar that are read as text" },
    TRAINING(replicas, KEY_INT, "1", 1, 65536, NULL,
             "parts of the global batch, divided among the ranks; results do not depend on the "
             "number of ranks"),
    TRAINING(batch, KEY_INT, "16", 1, 65536, NULL, "images per replica and step"),
    TRAINING(max_steps, KEY_INT, "100000", 1, 1e12, NULL, "total number of optimiser steps"),
    TRAINING(learning_rate, KEY_REAL, "3e-4", 0, 1e6, NULL, "AdamW's"),
    TRAINING(betas, KEY_PAIR, "[0.9, 0.999]", 0, 0.9999999999, NULL, "AdamW's"),
    TRAINING(eps, KEY_REAL, "1e-8", 0, 1, NULL, "AdamW's"),
    TRAINING(weight_decay, KEY_REAL, "0.01", 0, 1e6, NULL,
             "AdamW's, on every trained parameter"),
    TRAINING(t_max, KEY_REAL, "100000", 1, 1e12, NULL,
             "the learning rate follows a cosine: it falls for this many steps (epochs with "
             "per_epoch), then rises again"),
    TRAINING(per_epoch, KEY_BOOL, "false", 0, 0, NULL,
             "change the learning rate per epoch, as the reference does"),
    TRAINING(warmup_steps, KEY_INT, "0", 0, 1e12, NULL,
             "the learning rate rises linearly over this many first steps (epochs with "
             "per_epoch); the cosine follows"),
    TRAINING(clip_norm, KEY_OPTIONAL_REAL, "none", 1e-9, 1e9, NULL,
             "a gradient with a greater norm is scaled to this norm"),
    TRAINING(
        validate_every, KEY_INT, "epoch", 0, 1e12, NULL,
        "steps between validations (each with a checkpoint); epoch: at the end of each epoch"),
    TRAINING(
        save_top_k, KEY_INT, "10", 0, 1e6, NULL,
        "how many of the best checkpoints are kept, by validation loss; the last one always "
        "is"),
    TRAINING(max_source_tokens, KEY_INT, "128", 3, 1e6, NULL,
             "prompts are truncated to this many tokens"),
    TRAINING(max_target_tokens, KEY_INT, "32", 3, 1e6, NULL,
             "captions are truncated to this many tokens"),
    TRAINING(crops_per_image, KEY_INT, "1", 0, 1000, NULL,
             "prompts per image, each from its own random crop, drawn once; 0: one prompt, "
             "from the centre crop"),
    TRAINING(
        loss_mean, KEY_CHOICE, "replica", 0, 0, loss_means,
        "the loss of a step: the mean of the replicas' means, or the mean over all tokens"),
    TRAINING(dropout, KEY_OPTIONAL_REAL, "auto", 0, 0.99, NULL,
             "auto: the model's probabilities; a number replaces those that are not 0; none: "
             "off"),
    { "train.recompute", KEY_BOOL, AT(train.recompute), "false", 0, 0, NULL, false,
      "save fewer activations and compute them again in the backward pass: a third slower, the "
      "same results" },
    { "ingest.store", KEY_CHOICE, AT(ingest.store), "original", 0, 0, store_words, true,
      "what the dataset holds of an image: the bytes of its file; or CLIP's input, resized and "
      "cropped as clip.model (else OpenAI's models) wants it, so that embedding decodes "
      "nothing" },
    { "ingest.size", KEY_INT, AT(ingest.size), "224", 1, 16384, NULL, true,
      "of store: pixels without clip.model: side of CLIP's input, by OpenAI's recipe" },
    { "ingest.shard_bytes", KEY_BYTES, AT(ingest.shard_bytes), "1 GiB", 1, 1e15, NULL, true,
      "about this many bytes of images per shard; an output.shard_items other than its default "
      "decides instead (both given: the smaller shard)" },
    { "ingest.check", KEY_CHOICE, AT(ingest.check), "header", 0, 0, check_words, true,
      "header: format and size are read; decode: every image is decoded. What fails is a "
      "rejected item" },
    { "story.model", KEY_PATH, AT(story.model), "none", 0, 0, NULL, false,
      "a causal language model: a Hugging Face folder (GPT-2, GPT-Neo, GPT-J, Llama, Qwen2, "
      "Qwen3), or a .gguf file" },
    { "story.prompt", KEY_TEXT, AT(story.prompt), "Once upon a time there was {caption}", 0, 0,
      NULL, true,
      "what a story begins with; {caption}: the image's caption, {table}: its retrieved "
      "entries" },
    { "story.chat", KEY_CHOICE, AT(story.chat), "none", 0, 0, chat_words, true,
      "for a model tuned to follow instructions: the prompt is the user's message, in this "
      "chat "
      "template" },
    { "story.system", KEY_TEXT, AT(story.system), "none", 0, 0, NULL, true,
      "with chat: the system's message, filled in as the prompt; none: there is none" },
    { "story.overflow", KEY_CHOICE, AT(story.overflow), "truncate", 0, 0, overflow_words, true,
      "a prompt longer than the model's context: truncated on the left, or rejected" },
    { "story.max_new_tokens", KEY_OPTIONAL, AT(story.max_new_tokens), "auto", 1, 1e6, NULL,
      true, "tokens of a story at most: short for generation.max_new_tokens; auto: 128" },
    { "story.stories", KEY_OPTIONAL, AT(story.stories), "auto", 1, 1e6, NULL, true,
      "stories per caption, the best first: short for generation.num_return_sequences; "
      "auto: 1" },
    { "story.rank", KEY_CHOICE, AT(story.rank), "score", 0, 0, rank_words, true,
      "which story is first: the likeliest, or the one whose first sentence CLIP finds nearest "
      "to the image (of a run of caption; clip.model: the run's unless given)" },
    { "evaluate.predictions", KEY_PATHS, AT(evaluate.predictions), "none", 0, 0, NULL, false,
      "the captions: a run, COCO results, {\"id\": caption}, JSON lines, or a text file with a "
      "caption per line (keys.txt beside it has the ids)" },
    { "evaluate.references", KEY_PATHS, AT(evaluate.references), "none", 0, 0, NULL, false,
      "COCO annotations, {\"id\": [captions]}, a folder of .txt, an image dataset, a run, or "
      "text files with a caption per line: 'ref*.txt', or a.txt,b.txt; none: scores that need "
      "none" },
    { "evaluate.images", KEY_PATH, AT(evaluate.images), "none", 0, 0, NULL, false,
      "the images, as input.path: with clip.model for CLIPScore, RefCLIPScore" },
    { "evaluate.metrics", KEY_TEXT, AT(evaluate.metrics), "all", 0, 0, NULL, true,
      "all that can be computed, or some of bleu, rouge_l, cider, clipscore, diversity, "
      "evidence, with commas" },
    { "evaluate.idf", KEY_PATHS, AT(evaluate.idf), "none", 0, 0, NULL, false,
      "CIDEr's document frequencies: a file that --write-idf made; none: of the references" },
    { "evaluate.missing", KEY_CHOICE, AT(evaluate.missing), "error", 0, 0, missing_words, true,
      "ids without prediction, reference or image: an error that names them, or left out" },
    { "evaluate.reviewed", KEY_BOOL, AT(evaluate.reviewed), "false", 0, 0, NULL, AC_KEY_IF_SET,
      "of a run: captions as a person left them (import-review); rejected ones and their "
      "references are left out" },
    { "evaluate.training_captions", KEY_PATHS, AT(evaluate.training_captions), "none", 0, 0,
      NULL, false,
      "the captions that BART was trained on (in a form that evaluate.references takes), or a "
      "list of words: finds words copied from the cache that no training caption had" },
    { "evaluate.against", KEY_PATHS, AT(evaluate.against), "none", 0, 0, NULL, false,
      "other predictions of the same items, to compare with" },
    { "evaluate.write_idf", KEY_PATHS, AT(evaluate.write_idf), "none", 0, 0, NULL, false,
      "a file to write the references' document frequencies to" },
    { "evaluate.export_spice", KEY_PATHS, AT(evaluate.export_spice), "none", 0, 0, NULL, false,
      "a file to write SPICE's input to" },
    { "evaluate.merge_scores", KEY_PATHS, AT(evaluate.merge_scores), "none", 0, 0, NULL, false,
      "scores of another program: SPICE's output, {\"id\": score} or {\"NAME\": {\"id\": "
      "score}}" },
    { "dedupe.threshold", KEY_REAL, AT(dedupe.threshold), "0.96", -1e30, 1e30, NULL, true,
      "two items with this score or more are a pair" },
    { "dedupe.all", KEY_BOOL, AT(dedupe.all), "false", 0, 0, NULL, false,
      "write any number of pairs; without it more than 10 million are refused" },
    { "seed", KEY_INT, AT(seed), "0", 0, 9e15, NULL, true, "seed of all random numbers" },
    { "output.shard_items", KEY_INT, AT(output.shard_items), "1024", 1, 1e6, NULL, true,
      "items per shard: the unit of work, restart and error" },
    { "output.compression", KEY_CHOICE, AT(output.compression), "zstd", 0, 0, compressions,
      true, "compression of HDF5 data" },
    { "output.thumbnails", KEY_BOOL, AT(output.thumbnails), "true", 0, 0, NULL, true,
      "store thumbnails for the report" },
    { "output.knn", KEY_BOOL, AT(output.knn), "false", 0, 0, NULL, true,
      "write NAME.knn beside each image: its retrieved entries, one per line, best first" },
    { "output.evidence", KEY_BOOL, AT(output.evidence), "false", 0, 0, NULL, AC_KEY_IF_SET,
      "in captions.jsonl: which words of a caption come from which retrieved entry" },
    { "output.metadata", KEY_TEXTS, AT(output.metadata), "none", 0, 0, NULL, AC_KEY_IF_SET,
      "fields that came with the images and are written to captions.jsonl and exports: [url, "
      "license]" },
    { "output.exif", KEY_TEXTS, AT(output.exif), "none", 0, 0, NULL, AC_KEY_IF_SET,
      "the same of the images' EXIF: [Make, Model, DateTimeOriginal]" },
    { "output.top", KEY_INT, AT(output.top), "5", 1, 1000, NULL, false,
      "candidates per image in the report, best first; captions.jsonl has all" },
    { "compute.threads", KEY_INT, AT(compute.threads), "auto", 0, 4096, NULL, false,
      "threads per rank; auto: cores / ranks of the node" },
    { "compute.batch", KEY_INT, AT(compute.batch), "auto", 0, 65536, NULL, false,
      "images per micro-batch" },
    { "compute.backend", KEY_CHOICE, AT(compute.backend), "auto", 0, 0, backends, false,
      "library for linear layers; auto: native; the others may give other bytes on another "
      "CPU" },
    { "compute.kernels", KEY_CHOICE, AT(compute.kernels), "auto", 0, 0, ac_kernel_set_names,
      false,
      "kernel set (the CPU's instruction set); auto: the fastest; no result depends on it" },
    { "compute.precision", KEY_CHOICE, AT(compute.precision), "fp32", 0, 0, ac_precision_names,
      true,
      "of the linear layers: bf16: weights in 16 bits; int8: weights and inputs in 8 bits (not "
      "for train)" },
    { "compute.part", KEY_INT, AT(compute.part), "0", 0, 99999, NULL, false,
      "compute only this part of the shards, 0 to parts - 1: one task of a job array" },
    { "compute.parts", KEY_INT, AT(compute.parts), "1", 1, 100000, NULL, false,
      "1: the whole run; more: shards are divided into parts, and a last start without this "
      "key completes the run" },
    { "limits.max_bad_items", KEY_SHARE, AT(limits.max_bad_items), "10 %", 0, 1e12, NULL, false,
      "rejected items allowed: a count, or a share of the items (never fewer than 10)" },
    { "limits.memory", KEY_BYTES, AT(limits.memory), "auto", 1e6, 1e18, NULL, false,
      "memory per node, shared by its ranks: 512 MB, 4 GiB; auto: the node's (half of it for "
      "mining)" },
    { "limits.max_pixels", KEY_INT, AT(limits.max_pixels), "178956970", 1, 1e12, NULL, false,
      "an image with more pixels is rejected" },
    { "limits.stall_minutes", KEY_REAL, AT(limits.stall_minutes), "15", 0, 1e6, NULL, false,
      "when no rank makes progress for this long, the run ends with exit code 74; 0: never" },
    { "limits.grace_seconds", KEY_REAL, AT(limits.grace_seconds), "20", 0, 1e6, NULL, false,
      "after USR1, TERM or INT: finish the shard in flight within this time, or drop it" },
    { "limits.visibility_seconds", KEY_REAL, AT(limits.visibility_seconds), "60", 0, 1e6, NULL,
      false,
      "on a shared file system: how long to wait for what another rank has published, then "
      "exit "
      "code 74" },
    { "slurm.memory", KEY_CHOICE, AT(slurm.memory), "node", 0, 0, slurm_memory_words, false,
      "how submit asks for memory: --mem, --mem-per-cpu, or not at all (the cluster's "
      "default)" },
    { "slurm.setup", KEY_TEXTS, AT(slurm.setup), "none", 0, 0, NULL, false,
      "commands that the batch script runs before the ranks start, a list: [\"module load "
      "OpenMPI HDF5\"]" },
};

const size_t ac_config_key_count = sizeof ac_config_keys / sizeof *ac_config_keys;

/* ---- the jobs ---- */

/* The other form of input.path. */
#define COCO "input.path.annotations", "input.path.images", "input.split"

/* How tars are read. */
#define TARS "input.captions", "input.grouping", "input.key_prefix"

/* What captioning's first stage needs, and what every run has. */
#define IMAGES                                                                 \
    "input.path", COCO, TARS, "input.apply_exif", "input.pages", "input.skip", \
        "output.thumbnails", "output.metadata", "output.exif", "compute.part", \
        "compute.parts", "limits.max_pixels"

#define RUN                                                                         \
    "clip", "seed", "output.shard_items", "output.compression", "compute.threads",  \
        "compute.batch", "compute.backend", "compute.kernels", "compute.precision", \
        "limits.max_bad_items", "limits.memory", "limits.stall_minutes",            \
        "limits.grace_seconds", "limits.visibility_seconds", "slurm"

#define TEXT "text: its lines become entries, or its n-grams (ngrams)"

const ac_config_job ac_config_jobs[] = {
    {
        .name = "caption",
        .keys = { RUN, IMAGES, "cache.path", "bart", "retrieval", "generation", "rescore",
                  "output.knn", "output.evidence", "output.top" },
        .needed = { "input.path", "clip.model", "cache.path", "bart.model" },
        .made = { "cache.path", "bart.layer_norms" },
    },
    {
        .name = "tag",
        .keys = { RUN, IMAGES, "cache.path", "retrieval.topk", "retrieval.templates",
                  "retrieval.duplicates", "retrieval.deny", "output.knn" },
        .needed = { "input.path", "clip.model", "cache.path" },
        .made = { "cache.path" },
    },
    {
        .name = "embed-images",
        .keys = { RUN, IMAGES },
        .needed = { "input.path", "clip.model" },
    },
    {
        .name = "train",
        .keys = { RUN,
                  "input.train",
                  "input.train.annotations",
                  "input.train.images",
                  "input.validation",
                  "input.validation.annotations",
                  "input.validation.images",
                  "input.split",
                  "input.train.split",
                  "input.validation.split",
                  TARS,
                  "input.apply_exif",
                  "input.pages",
                  "input.skip",
                  "limits.max_pixels",
                  "cache.path",
                  "bart",
                  "retrieval.topk",
                  "retrieval.duplicates",
                  "retrieval.deny",
                  "train",
                  "output.thumbnails" },
        .needed = { "input.train", "input.validation", "clip.model", "cache.path",
                    "bart.model" },
        .made = { "cache.path", "bart.layer_norms" },
    },
    {
        .name = "build-cache",
        .keys = { RUN, "input.path", "input.skip", "ngrams" },
        .needed = { "input.path", "clip.model" },
        .input = TEXT,
    },
    {
        .name = "extend-cache",
        .keys = { RUN, "input.path", "input.skip", "cache", "ngrams" },
        .needed = { "input.path", "clip.model", "cache.path" },
        .made = { "input.path", "cache.path" },
        .input = TEXT,
    },
    {
        .name = "ingest",
        .keys = { "input.path", COCO, TARS, "input.apply_exif", "input.pages", "input.skip",
                  "clip", "ingest", "output.shard_items", "output.exif", "compute.threads",
                  "compute.batch", "compute.kernels", "compute.part", "compute.parts", "limits",
                  "slurm" },
        .needed = { "input.path" },
    },
    {
        .name = "story",
        .keys = { "input.path", "clip", "story", "generation", "seed", "output.shard_items",
                  "output.compression", "compute.threads", "compute.backend", "compute.kernels",
                  "compute.precision", "compute.part", "compute.parts", "limits.max_bad_items",
                  "limits.memory", "limits.stall_minutes", "limits.grace_seconds",
                  "limits.visibility_seconds", "slurm" },
        .needed = { "input.path", "story.model" },
        .made = { "input.path" },
        .input = "a run of caption, a captions.jsonl, or a text with a caption per line",
    },
    {
        .name = "dedupe",
        .keys = { "input.path", "dedupe", "output.shard_items", "output.compression",
                  "compute.threads", "compute.kernels", "compute.part", "compute.parts",
                  "limits.stall_minutes", "limits.grace_seconds", "limits.visibility_seconds",
                  "slurm" },
        .needed = { "input.path" },
        .made = { "input.path" },
        .input = "a run, or a cache",
    },
    {
        .name = "evaluate",
        .keys = { RUN, "evaluate", "input.apply_exif", "input.pages", "output.thumbnails",
                  "limits.max_pixels" },
        .needed = { "evaluate.predictions" },
        .made = { "evaluate.predictions", "evaluate.against", "evaluate.references" },
    },
    { .name = NULL },
};
