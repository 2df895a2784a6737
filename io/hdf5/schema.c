#include "io/hdf5/schema.h"

#include <stdio.h>
#include <string.h>

/* A row; T: texts, N: numbers, O: offsets. */
#define T(kind, name, shape)                                                        \
    {                                                                               \
        AC_SHARD_##kind, name, AC_CONTENT_TEXTS, AC_U8, shape, AC_NO_DATASET, false \
    }
#define N(kind, name, dtype, shape)                                                   \
    {                                                                                 \
        AC_SHARD_##kind, name, AC_CONTENT_NUMBERS, dtype, shape, AC_NO_DATASET, false \
    }
#define O(kind, name, shape)                                                           \
    {                                                                                  \
        AC_SHARD_##kind, name, AC_CONTENT_OFFSETS, AC_I64, shape, AC_NO_DATASET, false \
    }
/* Not in every shard of the kind. */
#define TX(kind, name, shape)                                                      \
    {                                                                              \
        AC_SHARD_##kind, name, AC_CONTENT_TEXTS, AC_U8, shape, AC_NO_DATASET, true \
    }
#define NX(kind, name, dtype, shape)                                                 \
    {                                                                                \
        AC_SHARD_##kind, name, AC_CONTENT_NUMBERS, dtype, shape, AC_NO_DATASET, true \
    }
/* Shown from the shards: N images, M candidates of all. */
#define TJ(name, shape, source)                                              \
    {                                                                        \
        AC_SHARD_JOINED, name, AC_CONTENT_TEXTS, AC_U8, shape, source, false \
    }
#define NJ(name, dtype, shape, source)                                         \
    {                                                                          \
        AC_SHARD_JOINED, name, AC_CONTENT_NUMBERS, dtype, shape, source, false \
    }
#define OJ(name, shape, source)                                                 \
    {                                                                           \
        AC_SHARD_JOINED, name, AC_CONTENT_OFFSETS, AC_I64, shape, source, false \
    }

/* n images of a shard, D the embedding's width, K entries per image, m candidates; c captions
 * that came with the images, S the side of CLIP's input. */
const ac_dataset ac_datasets[AC_DATASETS] = {
    [AC_EMBED_KEYS] = T(EMBEDDINGS, "keys", "[n]"),
    [AC_EMBED_PATHS] = T(EMBEDDINGS, "paths", "[n]"),
    [AC_EMBED_EMBEDDINGS] = N(EMBEDDINGS, "embeddings", AC_F32, "[n, D]"),
    [AC_EMBED_THUMBNAILS] = T(EMBEDDINGS, "thumbnails", "[n]"),
    [AC_EMBED_METADATA] = TX(EMBEDDINGS, "metadata", "[n]"),
    [AC_EMBED_REJECTED_KEYS] = T(EMBEDDINGS, "bad_keys", "[b]"),
    [AC_EMBED_REJECTED_REASONS] = T(EMBEDDINGS, "bad_reasons", "[b]"),
    [AC_EMBED_REJECTED_DETAILS] = T(EMBEDDINGS, "bad_details", "[b]"),
    [AC_TABLES_KEYS] = T(TABLES, "keys", "[n]"),
    [AC_TABLES_IDS] = N(TABLES, "ids", AC_I64, "[n, K]"),
    [AC_TABLES_SCORES] = N(TABLES, "scores", AC_F32, "[n, K]"),
    [AC_TABLES_ENTRIES] = T(TABLES, "entries", "[n K]"),
    [AC_TABLES_CACHES] = NX(TABLES, "caches", AC_I32, "[n, K]"),
    [AC_TABLES_CACHE_IDS] = NX(TABLES, "cache_ids", AC_I64, "[n, K]"),
    [AC_TABLES_PROBABILITIES] = NX(TABLES, "probabilities", AC_F32, "[n, K]"),
    [AC_CAPTIONS_KEYS] = T(CAPTIONS, "keys", "[n]"),
    [AC_CAPTIONS_CAPTIONS] = T(CAPTIONS, "captions", "[n]"),
    [AC_CAPTIONS_CLIP_SCORES] = N(CAPTIONS, "clip_scores", AC_F32, "[n]"),
    [AC_CAPTIONS_CANDIDATE_OFFSETS] = O(CAPTIONS, "candidate_offsets", "[n + 1]"),
    [AC_CAPTIONS_CANDIDATES] = T(CAPTIONS, "candidates", "[m]"),
    [AC_CAPTIONS_CANDIDATE_CLIP_SCORES] = N(CAPTIONS, "candidate_clip_scores", AC_F32, "[m]"),
    [AC_CAPTIONS_CANDIDATE_SCORES] = N(CAPTIONS, "candidate_scores", AC_F32, "[m]"),
    [AC_CACHE_ENTRIES] = T(CACHE, "entries", "[rows]"),
    [AC_CACHE_EMBEDDINGS] = N(CACHE, "embeddings", AC_F32, "[rows, D]"),
    [AC_UNIT_EMBEDDINGS] = N(UNIT, "embeddings", AC_F32, "[rows, D]"),
    [AC_IMAGES_KEYS] = T(IMAGES, "keys", "[n]"),
    [AC_IMAGES_IMAGES] = TX(IMAGES, "images", "[n]"),
    [AC_IMAGES_PIXELS] = NX(IMAGES, "pixels", AC_U8, "[n, S, S, 3]"),
    [AC_IMAGES_FORMAT] = T(IMAGES, "format", "[n]"),
    [AC_IMAGES_WIDTH] = N(IMAGES, "width", AC_I64, "[n]"),
    [AC_IMAGES_HEIGHT] = N(IMAGES, "height", AC_I64, "[n]"),
    [AC_IMAGES_PAGE] = N(IMAGES, "page", AC_I64, "[n]"),
    [AC_IMAGES_CAPTIONS] = T(IMAGES, "captions", "[c]"),
    [AC_IMAGES_CAPTION_COUNTS] = N(IMAGES, "caption_counts", AC_I64, "[n]"),
    [AC_IMAGES_METADATA] = T(IMAGES, "metadata", "[n]"),
    [AC_IMAGES_SOURCE] = T(IMAGES, "source", "[n]"),
    [AC_IMAGES_CONTENT_HASH] = T(IMAGES, "content_hash", "[n]"),
    [AC_IMAGES_REJECTED_KEYS] = T(IMAGES, "bad_keys", "[b]"),
    [AC_IMAGES_REJECTED_REASONS] = T(IMAGES, "bad_reasons", "[b]"),
    [AC_IMAGES_REJECTED_DETAILS] = T(IMAGES, "bad_details", "[b]"),
    [AC_STORIES_KEYS] = T(STORIES, "keys", "[n]"),
    [AC_STORIES_CAPTIONS] = T(STORIES, "captions", "[n]"),
    [AC_STORIES_PROMPTS] = T(STORIES, "prompts", "[n]"),
    [AC_STORIES_STORY_OFFSETS] = O(STORIES, "story_offsets", "[n + 1]"),
    [AC_STORIES_STORIES] = T(STORIES, "stories", "[m]"),
    [AC_STORIES_ENDS] = T(STORIES, "ends", "[m]"),
    [AC_STORIES_SCORES] = N(STORIES, "scores", AC_F32, "[m]"),
    [AC_STORIES_ID_OFFSETS] = O(STORIES, "id_offsets", "[m + 1]"),
    [AC_STORIES_IDS] = N(STORIES, "ids", AC_I32, "[t]"),
    [AC_STORIES_CLIP_SCORES] = NX(STORIES, "clip_scores", AC_F32, "[m]"),
    [AC_STORIES_REJECTED_KEYS] = T(STORIES, "bad_keys", "[b]"),
    [AC_STORIES_REJECTED_REASONS] = T(STORIES, "bad_reasons", "[b]"),
    [AC_STORIES_REJECTED_DETAILS] = T(STORIES, "bad_details", "[b]"),
    [AC_PAIRS_A] = N(PAIRS, "a", AC_I64, "[p]"),
    [AC_PAIRS_B] = N(PAIRS, "b", AC_I64, "[p]"),
    [AC_PAIRS_SCORES] = N(PAIRS, "scores", AC_F32, "[p]"),
    [AC_CLIP_SCORES_KEYS] = T(CLIP_SCORES, "keys", "[n]"),
    [AC_CLIP_SCORES_COSINES] = N(CLIP_SCORES, "cosines", AC_F32, "[n]"),
    [AC_CLIP_SCORES_REFERENCES] = N(CLIP_SCORES, "reference_cosines", AC_F32, "[n]"),
    [AC_CLIP_SCORES_OTHERS] = NX(CLIP_SCORES, "other_cosines", AC_F32, "[n]"),
    [AC_CLIP_SCORES_OTHER_REFERENCES] =
        NX(CLIP_SCORES, "other_reference_cosines", AC_F32, "[n]"),
    [AC_JOINED_KEYS] = TJ("keys", "[N]", AC_EMBED_KEYS),
    [AC_JOINED_EMBEDDINGS] = NJ("embeddings", AC_F32, "[N, D]", AC_EMBED_EMBEDDINGS),
    [AC_JOINED_THUMBNAILS] = TJ("thumbnails", "[N]", AC_EMBED_THUMBNAILS),
    [AC_JOINED_TABLE_IDS] = NJ("table_ids", AC_I64, "[N, K]", AC_TABLES_IDS),
    [AC_JOINED_TABLE_SCORES] = NJ("table_scores", AC_F32, "[N, K]", AC_TABLES_SCORES),
    [AC_JOINED_TABLE_ENTRIES] = TJ("table_entries", "[N K]", AC_TABLES_ENTRIES),
    [AC_JOINED_CAPTIONS] = TJ("captions", "[N]", AC_CAPTIONS_CAPTIONS),
    [AC_JOINED_CLIP_SCORES] = NJ("clip_scores", AC_F32, "[N]", AC_CAPTIONS_CLIP_SCORES),
    [AC_JOINED_CANDIDATE_OFFSETS] =
        OJ("candidate_offsets", "[N + 1]", AC_CAPTIONS_CANDIDATE_OFFSETS),
    [AC_JOINED_CANDIDATES] = TJ("candidates", "[M]", AC_CAPTIONS_CANDIDATES),
    [AC_JOINED_CANDIDATE_CLIP_SCORES] =
        NJ("candidate_clip_scores", AC_F32, "[M]", AC_CAPTIONS_CANDIDATE_CLIP_SCORES),
    [AC_JOINED_CANDIDATE_SCORES] =
        NJ("candidate_scores", AC_F32, "[M]", AC_CAPTIONS_CANDIDATE_SCORES),
};

const ac_attribute ac_attributes[AC_ATTRIBUTES] = {
    [AC_EMBED_MODEL] = { AC_SHARD_EMBEDDINGS, "model", true },
    [AC_EMBED_ITEMS] = { AC_SHARD_EMBEDDINGS, "items", false },
    [AC_EMBED_EQUAL] = { AC_SHARD_EMBEDDINGS, "equal", false },
    [AC_IMAGES_ITEMS] = { AC_SHARD_IMAGES, "items", false },
    [AC_STORIES_ITEMS] = { AC_SHARD_STORIES, "items", false },
    [AC_STORIES_TRUNCATED] = { AC_SHARD_STORIES, "truncated", false },
};

const char ac_content_joined_alone[] = "captions, all in this file";

const ac_shard_schema ac_shard_schemas[AC_SHARD_KINDS] = {
    [AC_SHARD_EMBEDDINGS] = { AC_SHARD_EMBEDDINGS, "image embeddings", AC_EMBED_KEYS,
                              AC_EMBED_REJECTED_DETAILS, AC_EMBED_KEYS, AC_EMBED_REJECTED_KEYS,
                              AC_EMBED_ITEMS },
    [AC_SHARD_TABLES] = { AC_SHARD_TABLES, "retrieved tables", AC_TABLES_KEYS,
                          AC_TABLES_PROBABILITIES, AC_TABLES_KEYS, AC_NO_DATASET,
                          AC_NO_ATTRIBUTE },
    [AC_SHARD_CAPTIONS] = { AC_SHARD_CAPTIONS, "captions", AC_CAPTIONS_KEYS,
                            AC_CAPTIONS_CANDIDATE_SCORES, AC_CAPTIONS_KEYS, AC_NO_DATASET,
                            AC_NO_ATTRIBUTE },
    [AC_SHARD_CACHE] = { AC_SHARD_CACHE, "cache entries", AC_CACHE_ENTRIES, AC_CACHE_EMBEDDINGS,
                         AC_NO_DATASET, AC_NO_DATASET, AC_NO_ATTRIBUTE },
    [AC_SHARD_UNIT] = { AC_SHARD_UNIT, "embeddings in the order of token ids",
                        AC_UNIT_EMBEDDINGS, AC_UNIT_EMBEDDINGS, AC_NO_DATASET, AC_NO_DATASET,
                        AC_NO_ATTRIBUTE },
    [AC_SHARD_IMAGES] = { AC_SHARD_IMAGES, "images", AC_IMAGES_KEYS, AC_IMAGES_REJECTED_DETAILS,
                          AC_IMAGES_KEYS, AC_IMAGES_REJECTED_KEYS, AC_IMAGES_ITEMS },
    [AC_SHARD_STORIES] = { AC_SHARD_STORIES, "stories", AC_STORIES_KEYS,
                           AC_STORIES_REJECTED_DETAILS, AC_STORIES_KEYS,
                           AC_STORIES_REJECTED_KEYS, AC_STORIES_ITEMS },
    [AC_SHARD_PAIRS] = { AC_SHARD_PAIRS, "pairs of items", AC_PAIRS_A, AC_PAIRS_SCORES,
                         AC_NO_DATASET, AC_NO_DATASET, AC_NO_ATTRIBUTE },
    [AC_SHARD_CLIP_SCORES] = { AC_SHARD_CLIP_SCORES, "cosines of captions and images",
                               AC_CLIP_SCORES_KEYS, AC_CLIP_SCORES_OTHER_REFERENCES,
                               AC_CLIP_SCORES_KEYS, AC_NO_DATASET, AC_NO_ATTRIBUTE },
    [AC_SHARD_JOINED] = { AC_SHARD_JOINED, "captions, shown from the shards beside this file",
                          AC_JOINED_KEYS, AC_JOINED_CANDIDATE_SCORES, AC_JOINED_KEYS,
                          AC_NO_DATASET, AC_NO_ATTRIBUTE },
};

int
ac_dataset_rank(ac_dataset_id id)
{
    int rank = 1;

    for (const char *s = ac_datasets[id].shape; *s; s++)
        rank += *s == ',';
    return rank;
}

void
ac_dataset_stored_name(ac_dataset_id id, bool offsets, char name[AC_DATASET_NAME_BYTES])
{
    const ac_dataset *d = &ac_datasets[id];

    snprintf(name, AC_DATASET_NAME_BYTES, "%s%s", d->name,
             d->content != AC_CONTENT_TEXTS ? ""
             : offsets                      ? "_offsets"
                                            : "_bytes");
}

const ac_shard_schema *
ac_shard_schema_of(const char *content)
{
    if (strcmp(content, ac_content_joined_alone) == 0)
        return &ac_shard_schemas[AC_SHARD_JOINED];
    for (int k = 0; k < AC_SHARD_KINDS; k++)
        if (strcmp(ac_shard_schemas[k].content, content) == 0)
            return &ac_shard_schemas[k];
    return NULL;
}
