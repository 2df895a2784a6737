/**
 * The one table of what stands in the HDF5 files of runs and caches: each kind of shard, its
 * datasets and attributes. Who writes, reads, merges, verifies or describes such a file takes
 * names and types from here; docs/FORMATS.md says the same, and a test compares the two.
 */
#ifndef AC_IO_HDF5_SCHEMA_H
#define AC_IO_HDF5_SCHEMA_H

#include <stdbool.h>

#include "engine/base/tensor.h"

typedef enum ac_shard_kind {
    AC_SHARD_EMBEDDINGS, /* of images */
    AC_SHARD_TABLES,     /* retrieved entries */
    AC_SHARD_CAPTIONS,
    AC_SHARD_CACHE,       /* a cache's entries */
    AC_SHARD_UNIT,        /* embeddings of entries while a cache is built */
    AC_SHARD_IMAGES,      /* an image dataset's */
    AC_SHARD_CLIP_SCORES, /* cosines of captions and images */
    AC_SHARD_STORIES,
    AC_SHARD_PAIRS,  /* of items that are nearly the same */
    AC_SHARD_JOINED, /* captions.h5: the first three kinds as one file; an exported one too */
    AC_SHARD_KINDS
} ac_shard_kind;

/** In the order in which they are written. */
typedef enum ac_dataset_id {
    AC_EMBED_KEYS,
    AC_EMBED_PATHS,
    AC_EMBED_EMBEDDINGS,
    AC_EMBED_THUMBNAILS,
    AC_EMBED_METADATA,
    AC_EMBED_REJECTED_KEYS,
    AC_EMBED_REJECTED_REASONS,
    AC_EMBED_REJECTED_DETAILS,
    AC_TABLES_KEYS,
    AC_TABLES_IDS,
    AC_TABLES_SCORES,
    AC_TABLES_ENTRIES,
    AC_TABLES_CACHES,        /* only of several caches */
    AC_TABLES_CACHE_IDS,     /* the same */
    AC_TABLES_PROBABILITIES, /* only with retrieval.templates */
    AC_CAPTIONS_KEYS,
    AC_CAPTIONS_CAPTIONS,
    AC_CAPTIONS_CLIP_SCORES,
    AC_CAPTIONS_CANDIDATE_OFFSETS,
    AC_CAPTIONS_CANDIDATES,
    AC_CAPTIONS_CANDIDATE_CLIP_SCORES,
    AC_CAPTIONS_CANDIDATE_SCORES,
    AC_CACHE_ENTRIES,
    AC_CACHE_EMBEDDINGS,
    AC_UNIT_EMBEDDINGS,
    AC_IMAGES_KEYS,
    AC_IMAGES_IMAGES,
    AC_IMAGES_PIXELS,
    AC_IMAGES_FORMAT,
    AC_IMAGES_WIDTH,
    AC_IMAGES_HEIGHT,
    AC_IMAGES_PAGE,
    AC_IMAGES_CAPTIONS,
    AC_IMAGES_CAPTION_COUNTS,
    AC_IMAGES_METADATA,
    AC_IMAGES_SOURCE,
    AC_IMAGES_CONTENT_HASH,
    AC_IMAGES_REJECTED_KEYS,
    AC_IMAGES_REJECTED_REASONS,
    AC_IMAGES_REJECTED_DETAILS,
    AC_CLIP_SCORES_KEYS,
    AC_CLIP_SCORES_COSINES,
    AC_CLIP_SCORES_REFERENCES,
    AC_CLIP_SCORES_OTHERS, /* with evaluate.against */
    AC_CLIP_SCORES_OTHER_REFERENCES,
    AC_STORIES_KEYS,
    AC_STORIES_CAPTIONS,
    AC_STORIES_PROMPTS,
    AC_STORIES_STORY_OFFSETS,
    AC_STORIES_STORIES,
    AC_STORIES_ENDS,
    AC_STORIES_SCORES,
    AC_STORIES_ID_OFFSETS,
    AC_STORIES_IDS,
    AC_STORIES_CLIP_SCORES,
    AC_STORIES_REJECTED_KEYS,
    AC_STORIES_REJECTED_REASONS,
    AC_STORIES_REJECTED_DETAILS,
    AC_PAIRS_A,
    AC_PAIRS_B,
    AC_PAIRS_SCORES,
    AC_JOINED_KEYS,
    AC_JOINED_EMBEDDINGS,
    AC_JOINED_THUMBNAILS,
    AC_JOINED_TABLE_IDS,
    AC_JOINED_TABLE_SCORES,
    AC_JOINED_TABLE_ENTRIES,
    AC_JOINED_CAPTIONS,
    AC_JOINED_CLIP_SCORES,
    AC_JOINED_CANDIDATE_OFFSETS,
    AC_JOINED_CANDIDATES,
    AC_JOINED_CANDIDATE_CLIP_SCORES,
    AC_JOINED_CANDIDATE_SCORES,
    AC_DATASETS,
    AC_NO_DATASET = -1
} ac_dataset_id;

typedef enum ac_attribute_id {
    AC_EMBED_MODEL,
    AC_EMBED_ITEMS,
    AC_EMBED_EQUAL, /* only where there are any */
    AC_IMAGES_ITEMS,
    AC_STORIES_ITEMS,
    AC_STORIES_TRUNCATED, /* prompts */
    AC_ATTRIBUTES,
    AC_NO_ATTRIBUTE = -1
} ac_attribute_id;

typedef enum ac_content {
    AC_CONTENT_NUMBERS, /* of the dataset's type */
    AC_CONTENT_TEXTS,   /* two datasets: NAME_bytes u8, NAME_offsets i64 [rows + 1] */
    AC_CONTENT_OFFSETS  /* i64 [rows + 1]: where each row's part of another dataset begins */
} ac_content;

typedef struct ac_dataset {
    ac_shard_kind kind;
    const char *name;
    ac_content content;
    ac_dtype dtype;       /* of numbers and offsets */
    const char *shape;    /* "[n, K]", in the words of docs/FORMATS.md */
    ac_dataset_id source; /* of AC_SHARD_JOINED: what is shown; else AC_NO_DATASET */
    bool optional;        /* a shard of its kind may be without it */
} ac_dataset;

typedef struct ac_attribute {
    ac_shard_kind kind;
    const char *name;
    bool is_text; /* else an integer */
} ac_attribute;

typedef struct ac_shard_schema {
    ac_shard_kind kind;
    const char *content;       /* the attribute `content` of such a file */
    ac_dataset_id first, last; /* its datasets */
    ac_dataset_id keys;        /* what names the rows; AC_NO_DATASET: nothing does */
    ac_dataset_id rejected; /* keys of rejected items (the last datasets); or AC_NO_DATASET */
    ac_attribute_id items;  /* how many items came in; AC_NO_ATTRIBUTE: not said */
} ac_shard_schema;

extern const ac_dataset ac_datasets[AC_DATASETS];
extern const ac_attribute ac_attributes[AC_ATTRIBUTES];
extern const ac_shard_schema ac_shard_schemas[AC_SHARD_KINDS];

/** The number of the shape's sides. */
int ac_dataset_rank(ac_dataset_id id);

/** The name under which the dataset stands in a file: of texts NAME_bytes, or NAME_offsets
 * where offsets is true. */
enum { AC_DATASET_NAME_BYTES = 64 };
void ac_dataset_stored_name(ac_dataset_id id, bool offsets, char name[AC_DATASET_NAME_BYTES]);

/** `content` of an exported captions.h5, which holds what AC_SHARD_JOINED otherwise shows from
 * the shards. */
extern const char ac_content_joined_alone[];

/** The schema of a file with this attribute `content`; NULL: none of ours. */
const ac_shard_schema *ac_shard_schema_of(const char *content);

#endif
