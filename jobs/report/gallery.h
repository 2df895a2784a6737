/**
 * The gallery of a report: a card per image with thumbnail, caption, candidates as bars and the
 * retrieved table; search, sorting, one page of cards at a time. Data goes into the page as
 * blocks of JSON, so that ten thousand images open quickly. One gallery a page. Records come in
 * the order of keys.
 */
#ifndef AC_JOBS_REPORT_GALLERY_H
#define AC_JOBS_REPORT_GALLERY_H

#include <stdint.h>

#include "jobs/report/page.h"

/** What stands above the lists of a card, and how many images there are in all (more than are
 * shown: it is said). */
typedef struct ac_gallery_options {
    const char *candidates_title, *entries_title; /* "Candidates", "Retrieved entries" */
    int64_t total;
    const char *unit; /* what a card is: "caption"; NULL: "image" */
} ac_gallery_options;

/** Starts zeroed. Failures go to the page. */
typedef struct ac_gallery {
    ac_page *page; /* borrowed */
    ac_gallery_options options;
    ac_buffer records, thumbnails;       /* of the present block */
    ac_buffer head, candidates, entries; /* of the present image */
    ac_buffer evidence;                  /* the same, as JSON; empty: none */
    int64_t images, blocks, candidate_count, entry_count;
    float low, high; /* of candidates' scores */
    bool open;       /* an image is begun */
} ac_gallery;

void ac_gallery_begin(ac_gallery *self, ac_page *page, const ac_gallery_options *options);

/** Begin a card. caption NULL: the key is its heading. score: NaN for none. jpeg: the
 * thumbnail, 0 bytes for none. */
void ac_gallery_image(ac_gallery *self, const char *key, size_t key_bytes, const char *caption,
                      size_t caption_bytes, float score, const char *jpeg, size_t jpeg_bytes);
/** Add to the present card. score: NaN for none. label: "" or a word behind the text ("before",
 * "3 times"). */
void ac_gallery_candidate(ac_gallery *self, const char *text, size_t n, float score,
                          const char *label);
/** Add a story in place of candidates: what it begins with ("": nothing is shown), the text,
 * and a line below it. */
void ac_gallery_story(ac_gallery *self, const char *prompt, size_t prompt_bytes,
                      const char *text, size_t n, const char *note);
void ac_gallery_entry(ac_gallery *self, const char *text, size_t n, float score);

/** Where the caption's words come from, as ac_evidence_push_row has it: the caption's words are
 * marked. */
void ac_gallery_evidence(ac_gallery *self, const ac_buffer *json);

/** The last card ends; controls and script follow. Frees, the page excepted. */
void ac_gallery_end(ac_gallery *self);

#endif
