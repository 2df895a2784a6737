/**
 * An index of tars: a file that is mapped, with one record per item, sorted by key. So the
 * ranks of a node share its memory, and a run that resumes need not read the tars again.
 *
 * The same layout holds a tar by itself, as it was scanned (tar_scan.h: its items in the tar's
 * order), and all tars of an input (ac_tar_index_merge). Numbers are this machine's: the file
 * is of a run, not to be kept.
 */
#ifndef AC_IO_SOURCE_TAR_INDEX_H
#define AC_IO_SOURCE_TAR_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/buffer.h"
#include "io/file/map.h"

/** input.grouping */
typedef enum ac_tar_grouping {
    AC_TAR_GROUPING_AUTO = 0,
    AC_TAR_GROUPING_WEBDATASET,
    AC_TAR_GROUPING_FILES
} ac_tar_grouping;

/** input.key_prefix */
typedef enum ac_tar_prefix {
    AC_TAR_PREFIX_AUTO = 0,
    AC_TAR_PREFIX_NONE,
    AC_TAR_PREFIX_TAR
} ac_tar_prefix;

/** What decides what an index holds. */
typedef struct ac_tar_options {
    ac_tar_grouping grouping;
    ac_tar_prefix prefix;
    ac_tar_prefix keep_prefix; /* in place of AUTO: an earlier choice; not part of the hash */
    bool all_pages;            /* each page of a TIFF is an item */
    bool captioned;            /* the fingerprint is of the captions' bytes too */
    const char *captions;      /* "txt" (or NULL), "none", "json:FIELD" */
    const char *skip;          /* members that are passed over (io/file/skip.h); NULL: none */
    struct ac_heartbeat *heartbeat; /* beats with each member; may be NULL */
} ac_tar_options;

/** An item. Its texts: the key [key_size], and behind it the member's name [name_size]; of an
 * item that stands for a tar's damage, what is damaged in place of the name. */
typedef struct ac_tar_item {
    int64_t text; /* in the texts */
    uint32_t key_size, name_size;
    uint32_t tar;
    uint16_t reason; /* ac_reject_reason: it is no image; AC_GOOD */
    uint16_t page;   /* from 0 */
    int64_t image_at, image_size;
    int64_t caption_at, metadata_at; /* of its txt and json members; 0: none */
    uint32_t caption_size, metadata_size;
} ac_tar_item;

/** A tar of an input. The name says where it lies, relative to the input: it is what people
 * see; the path is opened. Of a compressed tar the path is that of the plain one made of it. */
typedef struct ac_tar_place {
    const char *path, *name;
    const char *given; /* the tar as it was given, beside which its _stats.json lies */
} ac_tar_place;

typedef struct ac_tar_record {
    int64_t bytes, seconds, nanoseconds; /* of the file, when it was scanned */
    int64_t path, name;                  /* in the paths, zero-terminated */
    int64_t items;                       /* images in it */
    uint64_t captions;                   /* hash of its captions' bytes, where asked for */
    int64_t files;                       /* 1: read as files, 0: as webdataset's samples */
} ac_tar_record;

typedef struct ac_tar_head {
    char magic[16];
    int64_t tars, items, paths_bytes, texts_bytes, notes_bytes;
    int64_t prefixed; /* keys begin with their tars' names */
    uint64_t options; /* hash of ac_tar_options */
    char fingerprint[40];
} ac_tar_head;

/** Starts zeroed. Views of the map. */
typedef struct ac_tar_index {
    ac_map map;
    const ac_tar_head *head;
    const ac_tar_record *tars; /* [head->tars] */
    const ac_tar_item *items;  /* [head->items] */
    const char *paths, *texts;
    const char *notes; /* JSON, zero-terminated: what was passed over, and what is damaged */
} ac_tar_index;

uint64_t ac_tar_options_hash(const ac_tar_options *options);

/** AC_E_FORMAT where the file is no such index, or cut. */
AC_MUST_CHECK ac_status ac_tar_index_open(ac_tar_index *self, const char *path);
void ac_tar_index_close(ac_tar_index *self);

static inline const char *
ac_tar_index_path(const ac_tar_index *self, int64_t tar)
{
    return self->paths + self->tars[tar].path;
}

static inline const char *
ac_tar_index_name(const ac_tar_index *self, int64_t tar)
{
    return self->paths + self->tars[tar].name;
}

/** Does the index say of this tar what the file at its path is now? *why, of the caller
 * [200]: what differs. */
bool ac_tar_index_is_current(const ac_tar_index *self, int64_t tar, char why[200]);

/** Is the index one of these tars, as they are now, made with these options? */
bool ac_tar_index_matches(const ac_tar_index *self, const ac_tar_place *tars, int64_t count,
                          const ac_tar_options *options);

/** In place of ac_tar_head.magic: the layout's version. */
extern const char ac_tar_index_magic[16];

/**
 * All tars of an input: the items of their scans, sorted by key, then by tar and place. Keys
 * get their tars' names in front where `prefix` says so: a tar's stem, or where two tars have
 * the same, its name without extension. A tar that is damaged behind its last good member
 * becomes an item too, which is rejected; its key is its name. Published as `path`. Memory: 16
 * bytes per item while it sorts.
 */
AC_MUST_CHECK ac_status ac_tar_index_merge(const char *path, const ac_tar_index *scans,
                                           int64_t count, const ac_tar_options *options);

/** Are captions in a field of the json members? */
bool ac_tar_captions_are_json(const ac_tar_options *options);

#endif
