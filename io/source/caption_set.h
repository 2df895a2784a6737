/**
 * Captions by id, read from what people and programs write them to: predictions, references,
 * training captions.
 *
 * A file or folder is one of: a run of caption (captions.jsonl, or as references ref*.txt and
 * keys.txt); JSON lines with "key" ("image_id", "id") and "caption" or "captions"; COCO's
 * results
 * [{"image_id", "caption"}]; COCO's annotations; {"id": "caption"} or {"id": ["caption", …]}; a
 * text file with a caption per line, of ids in a keys.txt beside it, else the numbers of the
 * lines; a folder of such .txt per id, searched recursively. Several text files of the same
 * lines: a pattern (ref*.txt), or names with commas between them.
 *
 * Ids are texts; a whole number is the text of its digits. A line ends at "\n" alone.
 */
#ifndef AC_IO_SOURCE_CAPTION_SET_H
#define AC_IO_SOURCE_CAPTION_SET_H

#include <stdbool.h>

#include "engine/base/buffer.h"

/** An id or name that is a number, and where it is. */
typedef struct ac_caption_number ac_caption_number;

/** Starts zeroed. Sorted by id, bytewise. */
typedef struct ac_caption_set {
    int64_t count;
    ac_texts ids;      /* [count] */
    ac_texts names;    /* [count]: the image's file name without extension; "": not known */
    int64_t *starts;   /* [count + 1] into captions */
    ac_texts captions; /* in the order read */
    /* of a run with tables: the retrieved entries, best first, and the margin of CLIP's scores
     * between the best two candidates (NaN: there are not two) */
    bool has_tables;
    int64_t *entry_starts; /* [count + 1] */
    ac_texts entries;
    int64_t *entry_ids;
    double *margins;            /* [count] */
    int64_t *name_order;        /* [count]: by name */
    ac_caption_number *numbers; /* [number_count]: by number */
    int64_t number_count;
    int64_t rejected;     /* AC_CAPTIONS_REVIEWED: captions that a person rejected */
    int64_t blank_lines;  /* of references: lines without a caption, which count for none */
    const char *format;   /* what it was taken for: "COCO results"; a constant */
    char fingerprint[33]; /* of all of it */
} ac_caption_set;

typedef enum ac_caption_set_use {
    AC_CAPTIONS_ONE_EACH, /* predictions: a second caption of an id is an error that names it */
    AC_CAPTIONS_SEVERAL,  /* references */
    AC_CAPTIONS_REVIEWED  /* predictions of a run, as a person left them: edited captions in
                             place of the computed ones, none where they were rejected */
} ac_caption_set_use;

/**
 * Local. what: the config's key, for messages.
 * @return AC_E_IO where it is not there; AC_E_FORMAT with file and place where it is none of
 * these, or holds an id twice
 */
AC_MUST_CHECK ac_status ac_caption_set_read(ac_caption_set *self, const char *path,
                                            ac_caption_set_use use, const char *what);
void ac_caption_set_free(ac_caption_set *self);

/**
 * The place of an image's key among the ids; -1: it has none. The first that fits of: the id;
 * the image's name; both without the folder in front of the key; the number at the end of a
 * name of COCO's (COCO_val2014_000000000042, 000000000042).
 */
int64_t ac_caption_set_find(const ac_caption_set *self, const char *key, size_t n);

/** The place of an id or name that is the same number as the key, with other zeros before it
 * (3, 000003), each without its folder; -1: there is none, or there are several. */
int64_t ac_caption_set_find_number(const ac_caption_set *self, const char *key, size_t n);

/** For the one that reads a set: what finding numbers needs. AC_E_NOMEM. */
AC_MUST_CHECK ac_status ac_caption_set_number(ac_caption_set *self);

#endif
