/** Beam search of one text: the bookkeeping, apart from the network. Private to
 * engine/generation. */
#ifndef AC_GENERATION_BEAM_H
#define AC_GENERATION_BEAM_H

#include "engine/generation/logits.h"

typedef struct ac_hypothesis {
    double score;
    int64_t count;
    int32_t *ids; /* [stride] */
} ac_hypothesis;

typedef struct ac_beam_candidate {
    float score;
    int32_t beam, token;
} ac_beam_candidate;

typedef struct ac_beams {
    int64_t live, length; /* open beams, and their tokens so far, the prompt's included */
    int64_t prompt, most; /* tokens of the prompt, and of a sequence at most */
    const int32_t *input; /* [input_count]: what the encoder read */
    int64_t input_count;
    const ac_texts *pieces;  /* [V]: of the tokens, for config->stop_strings; else NULL */
    int64_t stride;          /* of ids, next_ids */
    float *scores;           /* [num_beams] */
    int32_t *ids, *next_ids; /* [num_beams, stride] */
    int32_t *parents;    /* [num_beams]: the beam each open one came from, in the last step */
    ac_hypothesis *done; /* [num_beams + 1], best first */
    int64_t done_count;
    bool finished;
    ac_beam_candidate *candidates; /* [ac_beams_candidates] */
    void *memory;
} ac_beams;

/** stride: tokens that any sequence has at most. */
AC_MUST_CHECK ac_status ac_beams_init(ac_beams *self, const ac_generation_config *config,
                                      int64_t stride);
void ac_beams_free(ac_beams *self);

/** Candidates of a step: so many that num_beams open ones are left, whatever ends. */
int64_t ac_beams_candidates(const ac_generation_config *config);

/** Begin: one open beam that holds the tokens of `start`, which is a prompt (count = prompt);
 * drawing as transformers 4.9 does, num_beams equal ones. start->input outlives the search. */
void ac_beams_reset(ac_beams *self, const ac_generation_config *config,
                    const ac_logits_context *start);

/**
 * One step: logits [live, V] of the open beams, in place used as scratch. Afterwards `live`,
 * ids, scores and parents are those of the next step, or `finished` is set.
 * @param[in] order    [V] scratch, for sampling with beams
 * @param[in] stream   the text's random stream, for sampling with beams
 * @param[in] search   which of the text's searches this is: each draws random numbers of its
 * own
 */
void ac_beams_step(ac_beams *self, const ac_generation_config *config, float *logits, int64_t V,
                   ac_scored_token *order, uint64_t stream, int64_t search);

#endif
