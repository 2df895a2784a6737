#include "io/config/config.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>
#include <yaml.h>

#include "engine/base/memory.h"
#include "io/config/config_keys.h"
#include "io/file/path.h"
#include "io/file/publish.h"

static const char *const early_words[] = { "false", "true", "never", NULL };

static void *
place(const ac_config *self, const ac_config_key *k)
{
    return (char *) (uintptr_t) self + k->offset;
}

static bool
is_text(const ac_config_key *k)
{
    return k->type == KEY_TEXT || k->type == KEY_PATH;
}

/* ---- values ---- */

static bool
parse_bool(const char *value, bool *out)
{
    *out = strcmp(value, "true") == 0 || strcmp(value, "yes") == 0 || strcmp(value, "on") == 0;
    return *out || strcmp(value, "false") == 0 || strcmp(value, "no") == 0 ||
           strcmp(value, "off") == 0;
}

static bool
parse_choice(const char *value, const char *const *words, int64_t *out)
{
    for (int64_t i = 0; words[i]; i++) {
        if (strcmp(value, words[i]) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

static bool
parse_number(const char *value, bool whole, const ac_config_key *k, double *out)
{
    char *end;

    *out = strtod(value, &end);
    return end != value && !*end && isfinite(*out) && *out >= k->least && *out <= k->most &&
           (!whole || *out == floor(*out));
}

static bool
is_whole(const ac_config_key *k)
{
    static const char *const broken[] = { "generation.temperature", "generation.top_p",
                                          "generation.length_penalty", "train.clip_norm",
                                          "train.dropout" };

    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        if (strcmp(k->name, broken[i]) == 0)
            return false;
    return k->type != KEY_REAL && k->type != KEY_PAIR;
}

/* The word that stands for 0 ("auto", "epoch"); NULL: the key has none. */
static const char *
word_of_zero(const ac_config_key *k)
{
    return (k->type == KEY_INT || k->type == KEY_BYTES) && k->fallback[0] >= 'a' &&
                   k->fallback[0] <= 'z'
               ? k->fallback
               : NULL;
}

/* "[0.9, 0.999]", brackets or not. */
static bool
parse_pair(const char *value, const ac_config_key *k, double out[2])
{
    char text[128], *comma, *end;

    if (strlen(value) >= sizeof text)
        return false;
    strcpy(text, value[0] == '[' ? value + 1 : value);
    end = text + strlen(text);
    if (value[0] == '[' && end > text && end[-1] == ']')
        *--end = '\0';
    if (!(comma = strchr(text, ',')))
        return false;
    *comma++ = '\0';
    while (*comma == ' ')
        comma++;
    return parse_number(text, false, k, &out[0]) && parse_number(comma, false, k, &out[1]);
}

static ac_status
wrong_value(const ac_config_key *k, const char *value, const char *where)
{
    char needed[200] = "";

    if (k->words || k->type == KEY_OPTIONAL_EARLY) {
        const char *const *words = k->words ? k->words : early_words;
        size_t used = (size_t) snprintf(needed, sizeof needed, "one of");
        for (; *words && used < sizeof needed; words++)
            used += (size_t) snprintf(needed + used, sizeof needed - used, " %s", *words);
    } else if (k->type == KEY_BOOL || k->type == KEY_OPTIONAL_BOOL) {
        snprintf(needed, sizeof needed, "true or false");
    } else if (k->type == KEY_BYTES) {
        snprintf(needed, sizeof needed,
                 "an amount of memory from 1 MB on (512 MB, 4 GiB), or auto");
    } else if (k->type == KEY_SHARE) {
        snprintf(needed, sizeof needed, "a count (25) or a share (10 %%)");
    } else {
        snprintf(needed, sizeof needed, "%s%snumber%s from %.12g to %.12g%s%s",
                 k->type == KEY_PAIR ? "two " : "a ", is_whole(k) ? "whole " : "",
                 k->type == KEY_PAIR ? "s" : "", k->least, k->most,
                 k->type == KEY_OPTIONAL ? ", auto or none"
                 : word_of_zero(k)       ? ", or "
                                         : "",
                 word_of_zero(k) ? word_of_zero(k) : "");
    }
    return ac_error_set(AC_E_ARG, "%s: %s: \"%s\" is not %s", where, k->name, value, needed);
}

/* A path relative to `base` (a folder with its slash, or "") as an absolute one. */
static ac_status
resolve_path(char **out, const char *base, const char *value)
{
    char folder[4096];

    if (value[0] == '/' || strcmp(value, "-") == 0) /* "-": standard input */
        return ac_duplicate(out, value, strlen(value));
    if (base[0] == '/')
        folder[0] = '\0';
    else if (!getcwd(folder, sizeof folder - 1))
        return ac_error_set(AC_E_IO, "the current folder cannot be told: %s", strerror(errno));
    return ac_path_format(out, "%s%s%s%s", folder, *folder ? "/" : "", base, value);
}

static ac_status
set_text(ac_config *self, const ac_config_key *k, const char *value, bool quoted,
         const char *base)
{
    char **text = place(self, k), *made = NULL;
    ac_status st = AC_OK;

    if (k->type == KEY_PATH && !(strcmp(value, "none") == 0 && !quoted))
        st = resolve_path(&made, base, value);
    else if (k->type == KEY_TEXT)
        st = ac_duplicate(&made, value, strlen(value));
    if (st != AC_OK)
        return st;
    free(*text);
    *text = made;
    return AC_OK;
}

/* "25", "10 %", "0.1" */
static bool
parse_share(const char *value, ac_share *out)
{
    char *end;
    double x = strtod(value, &end);

    if (end == value || !(x >= 0) || !(x <= 1e12))
        return false;
    while (*end == ' ')
        end++;
    if (*end == '%') {
        *out = (ac_share){ true, x / 100 };
        return end[1] == '\0' && x <= 100;
    }
    *out = (ac_share){ x > 0 && x < 1, x };
    return *end == '\0' && (out->of_all || x == floor(x));
}

/* "4 GiB", "512 MB", "2G": powers of 1000 with B, of 1024 with iB or alone; a bare number
 * counts bytes. */
static bool
parse_bytes(const char *value, const ac_config_key *k, int64_t *out)
{
    static const char letters[] = "kmgt";
    char *end;
    const char *letter;
    double x = strtod(value, &end), unit = 1;

    if (end == value || !isfinite(x))
        return false;
    end += strspn(end, " ");
    letter = *end ? strchr(letters, *end | 0x20) : NULL;
    if (letter) {
        const bool thousands = (end[1] | 0x20) == 'b';
        for (const char *l = letters; l <= letter; l++)
            unit *= thousands ? 1000 : 1024;
        end += 1 + (end[1] == 'i');
    }
    end += (*end | 0x20) == 'b';
    x *= unit;
    *out = x >= k->least && x <= k->most ? (int64_t) x : 0;
    return *end == '\0' && *out > 0;
}

static ac_status
set_value(ac_config *self, const ac_config_key *k, const char *value, bool quoted,
          const char *base, const char *where)
{
    void *at = place(self, k);
    ac_optional *optional = at;
    bool truth, good = true;
    int64_t choice;
    ac_share share;
    double number, pair[2];

    if (is_text(k))
        return set_text(self, k, value, quoted, base);
    if (k->type >= KEY_OPTIONAL && (strcmp(value, "auto") == 0 || strcmp(value, "none") == 0)) {
        *optional = (ac_optional){ value[0] == 'a' ? AC_UNSET : AC_NONE, 0 };
        return AC_OK;
    }
    switch (k->type) {
    case KEY_BOOL:
        if ((good = parse_bool(value, &truth)))
            *(bool *) at = truth;
        break;
    case KEY_OPTIONAL_BOOL:
        if ((good = parse_bool(value, &truth)))
            *optional = (ac_optional){ AC_SET, truth };
        break;
    case KEY_OPTIONAL_EARLY:
        if ((good = parse_choice(value, early_words, &choice)))
            *optional = (ac_optional){ AC_SET, (double) choice };
        break;
    case KEY_CHOICE:
        if ((good = parse_choice(value, k->words, &choice)))
            *(int64_t *) at = choice;
        break;
    case KEY_REAL:
        if ((good = parse_number(value, false, k, &number)))
            *(double *) at = number;
        break;
    case KEY_PAIR:
        if ((good = parse_pair(value, k, pair)))
            memcpy(at, pair, sizeof pair);
        break;
    case KEY_INT:
        number = 0;
        good = (word_of_zero(k) && strcmp(value, word_of_zero(k)) == 0) ||
               parse_number(value, true, k, &number);
        if (good)
            *(int64_t *) at = (int64_t) number;
        break;
    case KEY_BYTES:
        choice = 0;
        if ((good = strcmp(value, "auto") == 0 || parse_bytes(value, k, &choice)))
            *(int64_t *) at = choice;
        break;
    case KEY_SHARE:
        if ((good = parse_share(value, &share)))
            *(ac_share *) at = share;
        break;
    case KEY_OPTIONAL:
        if ((good = parse_number(value, is_whole(k), k, &number)))
            *optional = (ac_optional){ AC_SET, number };
        break;
    case KEY_TEXT:
    case KEY_PATH: break;
    }
    return good ? AC_OK : wrong_value(k, value, where);
}

static int
edit_distance(const char *a, const char *b)
{
    int row[128], n = (int) strlen(b);

    for (int j = 0; j <= n && j < 128; j++)
        row[j] = j;
    for (int i = 1; a[i - 1]; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= n && j < 128; j++) {
            int best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            best = row[j] + 1 < best ? row[j] + 1 : best;
            row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
        }
    }
    return row[n < 128 ? n : 127];
}

static ac_status
find_key(const ac_config_key **out, const char *name, const char *where)
{
    const ac_config_key *near = NULL;
    int least = 1000;

    for (size_t i = 0; i < ac_config_key_count; i++) {
        int d = edit_distance(name, ac_config_keys[i].name);
        if (d == 0) {
            *out = &ac_config_keys[i];
            return AC_OK;
        }
        if (d < least) {
            least = d;
            near = &ac_config_keys[i];
        }
    }
    return ac_error_set(AC_E_ARG, "%s: unknown key \"%s\"; the nearest known one is \"%s\"",
                        where, name, near->name);
}

/* ---- reading ---- */

ac_status
ac_config_init(ac_config *self)
{
    ac_status st = AC_OK;

    *self = (ac_config){ 0 };
    for (size_t i = 0; i < ac_config_key_count && st == AC_OK; i++) {
        bool quoted = ac_config_keys[i].fallback[0] == '"';
        st = set_value(self, &ac_config_keys[i], quoted ? "" : ac_config_keys[i].fallback,
                       quoted, "", "default");
    }
    return st;
}

void
ac_config_free(ac_config *self)
{
    for (size_t i = 0; i < ac_config_key_count; i++)
        if (is_text(&ac_config_keys[i]))
            free(*(char **) place(self, &ac_config_keys[i]));
    *self = (ac_config){ 0 };
}

/* Is this the full name of a key? (input.train is one, and a section too.) */
static bool
is_key(const char *name)
{
    for (size_t i = 0; i < ac_config_key_count; i++)
        if (strcmp(ac_config_keys[i].name, name) == 0)
            return true;
    return false;
}

/* [a, b] of YAML, put together as set_value takes it. */
static ac_status
set_sequence(ac_config *self, const ac_config_key *k, yaml_document_t *document,
             yaml_node_t *node, const char *where)
{
    char text[128] = "";
    size_t used = 0;

    for (yaml_node_item_t *i = node->data.sequence.items.start;
         i < node->data.sequence.items.top && used < sizeof text; i++) {
        const yaml_node_t *item = yaml_document_get_node(document, *i);
        used += (size_t) snprintf(
            text + used, sizeof text - used, "%s%s", used ? ", " : "",
            item->type == YAML_SCALAR_NODE ? (const char *) item->data.scalar.value : "?");
    }
    return set_value(self, k, text, false, "", where);
}

static ac_status
read_node(ac_config *self, yaml_document_t *document, yaml_node_t *node, const char *prefix,
          const char *path, const char *base)
{
    ac_status st = AC_OK;

    if (node->type != YAML_MAPPING_NODE)
        return ac_error_set(AC_E_ARG, "%s:%zu: %s is a section: its keys go below it, indented",
                            path, node->start_mark.line + 1, *prefix ? prefix : "the config");
    for (yaml_node_pair_t *p = node->data.mapping.pairs.start;
         p < node->data.mapping.pairs.top && st == AC_OK; p++) {
        yaml_node_t *name = yaml_document_get_node(document, p->key),
                    *value = yaml_document_get_node(document, p->value);
        char full[256], where[4400];
        const ac_config_key *k = NULL;
        bool section = false;
        snprintf(where, sizeof where, "%s:%zu", path, name->start_mark.line + 1);
        if (name->type != YAML_SCALAR_NODE)
            return ac_error_set(AC_E_ARG, "%s: a key must be a word", where);
        snprintf(full, sizeof full, "%s%s%s", prefix, *prefix ? "." : "",
                 (const char *) name->data.scalar.value);
        for (size_t i = 0; i < ac_config_key_count; i++)
            section = section || (strncmp(ac_config_keys[i].name, full, strlen(full)) == 0 &&
                                  ac_config_keys[i].name[strlen(full)] == '.');
        if (section && !(value->type == YAML_SCALAR_NODE && is_key(full))) {
            st = read_node(self, document, value, full, path, base);
            continue;
        }
        st = find_key(&k, full, where);
        if (st == AC_OK && k->type == KEY_PAIR && value->type == YAML_SEQUENCE_NODE) {
            st = set_sequence(self, k, document, value, where);
            continue;
        }
        if (st == AC_OK && value->type != YAML_SCALAR_NODE)
            st = ac_error_set(AC_E_ARG, "%s: %s: needs one value", where, full);
        if (st == AC_OK)
            st = set_value(self, k, (const char *) value->data.scalar.value,
                           value->data.scalar.style != YAML_PLAIN_SCALAR_STYLE, base, where);
    }
    return st;
}

ac_status
ac_config_read(ac_config *self, const char *path)
{
    ac_status st = AC_OK;
    yaml_parser_t parser;
    yaml_document_t document;
    yaml_node_t *root;
    const char *slash = strrchr(path, '/');
    char base[4096];
    FILE *f = fopen(path, "rb");

    if (!f)
        return ac_error_set(AC_E_ARG, "%s: the config cannot be opened: %s", path,
                            strerror(errno));
    snprintf(base, sizeof base, "%.*s", slash ? (int) (slash - path + 1) : 0, path);
    if (!yaml_parser_initialize(&parser)) {
        fclose(f);
        return ac_error_set(AC_E_NOMEM, "out of memory for the config");
    }
    yaml_parser_set_input_file(&parser, f);
    if (!yaml_parser_load(&parser, &document)) {
        if (ferror(f))
            st = ac_error_set(errno == EISDIR ? AC_E_ARG : ac_io_failure(errno),
                              "%s: the config cannot be read: %s", path, strerror(errno));
        else if (parser.error == YAML_MEMORY_ERROR)
            st = ac_error_set(AC_E_NOMEM, "%s: out of memory for the config", path);
        else
            st = ac_error_set(AC_E_ARG, "%s:%zu: %s", path, parser.problem_mark.line + 1,
                              parser.problem ? parser.problem : "not YAML");
    } else {
        root = yaml_document_get_root_node(&document);
        if (root)
            st = read_node(self, &document, root, "", path, base);
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&parser);
    fclose(f);
    return st;
}

ac_status
ac_config_set(ac_config *self, const char *assignment)
{
    const char *equals = strchr(assignment, '=');
    char name[256];
    const ac_config_key *k = NULL;
    ac_status st;

    if (!equals)
        return ac_error_set(AC_E_ARG, "--set %s: needs the form key.path=value", assignment);
    snprintf(name, sizeof name, "%.*s", (int) (equals - assignment), assignment);
    st = find_key(&k, name, "--set");
    return st == AC_OK ? set_value(self, k, equals + 1, false, "", "--set") : st;
}

/* ---- what a job asks ---- */

static unsigned
job_bit(const char *job)
{
    static const char *const names[] = { "embed-images", "tag",   "caption",
                                         "build-cache",  "train", "extend-cache" };

    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(job, names[i]) == 0)
            return 1u << i;
    return ALL;
}

bool
ac_config_has(const char *job, const char *name)
{
    const ac_config_key *k = NULL;

    return find_key(&k, name, "") == AC_OK && (k->jobs & job_bit(job)) != 0;
}

int
ac_config_needed(const char *job, const char *names[], const char *meanings[])
{
    static const char *const needed[AC_CONFIG_MOST_NEEDED] = {
        "input.path", "input.train", "input.validation",
        "clip.model", "cache.path",  "bart.model"
    };
    int n = 0;

    for (size_t i = 0; i < AC_CONFIG_MOST_NEEDED; i++) {
        const ac_config_key *k = NULL;
        if (find_key(&k, needed[i], "") != AC_OK || !(k->jobs & job_bit(job)))
            continue;
        names[n] = k->name;
        meanings[n++] = k->help;
    }
    return n;
}

/* A folder, or annotations and images: one of both, and whole. */
static ac_status
check_captioned(const char *name, const char *folder, const char *annotations,
                const char *images)
{
    if (folder && (annotations || images))
        return ac_error_set(
            AC_E_ARG,
            "%s is given as a folder and as {annotations, images}: give one (the other: none)",
            name);
    if (!folder && !annotations && !images)
        return ac_error_set(AC_E_ARG,
                            "train needs %s: a folder of images with a .txt beside each, or "
                            "{annotations: F.json, images: FOLDER}",
                            name);
    if (!folder && !(annotations && images))
        return ac_error_set(AC_E_ARG, "%s needs both annotations and images", name);
    return AC_OK;
}

ac_status
ac_config_check(const ac_config *self, const char *job)
{
    const char *names[AC_CONFIG_MOST_NEEDED], *meanings[AC_CONFIG_MOST_NEEDED];
    const int n = ac_config_needed(job, names, meanings);
    ac_status st = AC_OK;

    for (int i = 0; i < n; i++) {
        const ac_config_key *k = NULL;
        AC_TRY(find_key(&k, names[i], ""));
        if (k->jobs != TRAIN &&
            !*(char **) place(self, k)) /* training's images have two forms: below */
            AC_FAIL(AC_E_ARG, "%s needs %s (%s): give it in the config, or with --set %s=…",
                    job, k->name, k->help, k->name);
    }
    if (job_bit(job) == TRAIN) {
        AC_TRY(check_captioned("input.train", self->input.train, self->input.train_annotations,
                               self->input.train_images));
        AC_TRY(check_captioned("input.validation", self->input.validation,
                               self->input.validation_annotations,
                               self->input.validation_images));
    }
    if (self->compute.part >= self->compute.parts)
        st = ac_error_set(
            AC_E_ARG, "compute.part is %lld, but compute.parts %lld: parts are numbered from 0",
            (long long) self->compute.part, (long long) self->compute.parts);
out:
    return st;
}

ac_status
ac_config_check_paths(const ac_config *self, const char *job, bool later)
{
    const unsigned bit = job_bit(job);

    for (const ac_config_key *k = ac_config_keys; k < ac_config_keys + ac_config_key_count;
         k++) {
        const char *path =
            k->type == KEY_PATH && (k->jobs & bit) ? *(char **) place(self, k) : NULL;
        const bool made =
            strcmp(k->name, "cache.path") == 0 || strcmp(k->name, "bart.layer_norms") == 0 ||
            (strcmp(k->name, "input.path") == 0 && strcmp(job, "extend-cache") == 0);
        if (path && access(path, F_OK) != 0 && !(later && made))
            return ac_error_set(ac_io_failure(errno), "%s: %s: %s", k->name, path,
                                strerror(errno));
    }
    return AC_OK;
}

int64_t
ac_config_max_bad_items(const ac_config *self, int64_t items)
{
    const ac_share *share = &self->limits.max_bad_items;
    const int64_t most =
        (int64_t) (share->of_all ? share->value * (double) items : share->value);

    return share->of_all && most < 10 ? 10 : most;
}

int64_t
ac_config_max_tokens(const ac_config *self, int64_t model_limit)
{
    const ac_optional *m = &self->retrieval.max_tokens;

    return m->presence == AC_SET && (int64_t) m->value < model_limit ? (int64_t) m->value
                                                                     : model_limit;
}

ac_compute
ac_config_compute(const ac_config *self)
{
    return (ac_compute){ (ac_backend) self->compute.backend,
                         (ac_precision) self->compute.precision };
}

static int64_t
lay_over(const ac_optional *o, int64_t model, int64_t none)
{
    return o->presence == AC_SET ? (int64_t) o->value : o->presence == AC_NONE ? none : model;
}

void
ac_config_generation(const ac_config *self, ac_generation_config *out)
{
    out->num_beams = lay_over(&self->generation.num_beams, out->num_beams, 1);
    out->num_return_sequences =
        lay_over(&self->generation.num_return_sequences, out->num_return_sequences, 1);
    out->do_sample = lay_over(&self->generation.do_sample, out->do_sample, 0) != 0;
    out->top_k = lay_over(&self->generation.top_k, out->top_k, 0);
    out->max_length = lay_over(&self->generation.max_length, out->max_length, 20);
    out->min_length = lay_over(&self->generation.min_length, out->min_length, 0);
    out->no_repeat_ngram_size =
        lay_over(&self->generation.no_repeat_ngram_size, out->no_repeat_ngram_size, 0);
    out->early_stopping =
        (ac_early_stopping) lay_over(&self->generation.early_stopping, out->early_stopping, 0);
    out->forced_bos_token_id =
        (int32_t) lay_over(&self->generation.forced_bos_token_id, out->forced_bos_token_id, -1);
    out->forced_eos_token_id =
        (int32_t) lay_over(&self->generation.forced_eos_token_id, out->forced_eos_token_id, -1);
    out->decoder_start_token_id =
        (int32_t) lay_over(&self->generation.decoder_start_token_id,
                           out->decoder_start_token_id, out->decoder_start_token_id);
    if (self->generation.temperature.presence != AC_UNSET)
        out->temperature = self->generation.temperature.presence == AC_SET
                               ? self->generation.temperature.value
                               : 1;
    if (self->generation.top_p.presence != AC_UNSET)
        out->top_p =
            self->generation.top_p.presence == AC_SET ? self->generation.top_p.value : 1;
    if (self->generation.length_penalty.presence != AC_UNSET)
        out->length_penalty = self->generation.length_penalty.presence == AC_SET
                                  ? self->generation.length_penalty.value
                                  : 1;
    out->beam_search = (ac_beam_search) self->generation.beam_search;
    /* transformers 4.9 takes early_stopping from the call alone when it draws with beams, never
     * from the model's files */
    if (out->beam_search == AC_BEAM_HF49 && out->do_sample && out->num_beams > 1 &&
        self->generation.early_stopping.presence == AC_UNSET)
        out->early_stopping = AC_EARLY_FALSE;
    out->seed = (uint64_t) self->seed;
}

/* ---- printing ---- */

/* As short as reads back to the same. */
static void
print_real(double x, ac_buffer *out)
{
    char text[32];

    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, x);
        if (strtod(text, NULL) == x)
            break;
    }
    ac_buffer_push_text(out, text);
}

static void
print_value(const ac_config *self, const ac_config_key *k, ac_buffer *out)
{
    const void *at = place(self, k);
    const ac_optional *o = at;
    const ac_share *share = at;
    const char *text;

    switch (k->type) {
    case KEY_BOOL: ac_buffer_push_text(out, *(const bool *) at ? "true" : "false"); return;
    case KEY_CHOICE: ac_buffer_push_text(out, k->words[*(const int64_t *) at]); return;
    case KEY_BYTES:
    case KEY_INT:
        if (*(const int64_t *) at == 0 && word_of_zero(k))
            ac_buffer_push_text(out, word_of_zero(k));
        else
            ac_buffer_printf(out, "%lld", (long long) *(const int64_t *) at);
        return;
    case KEY_REAL: print_real(*(const double *) at, out); return;
    case KEY_PAIR:
        ac_buffer_push_char(out, '[');
        print_real(((const double *) at)[0], out);
        ac_buffer_push_text(out, ", ");
        print_real(((const double *) at)[1], out);
        ac_buffer_push_char(out, ']');
        return;
    case KEY_SHARE:
        ac_buffer_printf(out, share->of_all ? "%.10g %%" : "%.10g",
                         share->value * (share->of_all ? 100 : 1));
        return;
    case KEY_TEXT:
    case KEY_PATH:
        text = *(char *const *) at;
        if (!text) {
            ac_buffer_push_text(out, "none");
            return;
        }
        ac_buffer_push_char(out, '"');
        for (; *text; text++) {
            if (*text == '"' || *text == '\\')
                ac_buffer_push_char(out, '\\');
            if (*text == '\n')
                ac_buffer_push_text(out, "\\n");
            else
                ac_buffer_push_char(out, *text);
        }
        ac_buffer_push_char(out, '"');
        return;
    default: break;
    }
    if (o->presence != AC_SET)
        ac_buffer_push_text(out, o->presence == AC_UNSET ? "auto" : "none");
    else if (k->type == KEY_OPTIONAL_BOOL)
        ac_buffer_push_text(out, o->value != 0 ? "true" : "false");
    else if (k->type == KEY_OPTIONAL_EARLY)
        ac_buffer_push_text(out, early_words[(int) o->value]);
    else
        ac_buffer_printf(out, "%.17g", o->value);
}

ac_status
ac_config_print(const ac_config *self, const char *job, ac_buffer *out)
{
    const unsigned bit = job_bit(job);
    char section[64] = "";

    ac_buffer_printf(out, "# antarctic %s: every key with its value\n", job);
    for (size_t i = 0; i < ac_config_key_count; i++) {
        const char *dot = strchr(ac_config_keys[i].name, '.');
        const size_t n = dot ? (size_t) (dot - ac_config_keys[i].name) : 0;
        if (!(ac_config_keys[i].jobs & bit))
            continue;
        if (n && (strncmp(section, ac_config_keys[i].name, n) != 0 || section[n])) {
            snprintf(section, sizeof section, "%.*s", (int) n, ac_config_keys[i].name);
            ac_buffer_printf(out, "\n%s:\n", section);
        }
        ac_buffer_printf(out, "%s%s: ", n ? "  " : "\n", n ? dot + 1 : ac_config_keys[i].name);
        print_value(self, &ac_config_keys[i], out);
        ac_buffer_printf(out, "  # %s", ac_config_keys[i].help);
        for (const char *const *word = ac_config_keys[i].words; word && *word; word++)
            ac_buffer_printf(out, "%s%s", word == ac_config_keys[i].words ? "; one of " : ", ",
                             *word);
        ac_buffer_push_char(out, '\n');
    }
    return out->status;
}

ac_status
ac_config_fingerprint(const ac_config *self, const char *job, char hex[33])
{
    ac_buffer text = { 0 };
    XXH128_hash_t digest;
    ac_status st;

    for (size_t i = 0; i < ac_config_key_count; i++) {
        if (!ac_config_keys[i].in_fingerprint || !(ac_config_keys[i].jobs & job_bit(job)))
            continue;
        ac_buffer_printf(&text, "%s=", ac_config_keys[i].name);
        print_value(self, &ac_config_keys[i], &text);
        ac_buffer_push_char(&text, '\n');
    }
    st = text.status;
    if (st == AC_OK) {
        digest = XXH3_128bits(text.data, text.size);
        snprintf(hex, 33, "%016llx%016llx", (unsigned long long) digest.high64,
                 (unsigned long long) digest.low64);
    }
    ac_buffer_free(&text);
    return st;
}

/* Can the key of this printed line be why fingerprints differ? Threads or a path cannot. */
static bool
may_decide(const char *section, int section_size, const char *line)
{
    char name[128];
    const int skip = (int) strspn(line, " ");

    snprintf(name, sizeof name, "%.*s%s%.*s", section_size, section, section_size ? "." : "",
             (int) strcspn(line + skip, ":\n"), line + skip);
    for (size_t i = 0; i < ac_config_key_count; i++)
        if (strcmp(ac_config_keys[i].name, name) == 0)
            return ac_config_keys[i].in_fingerprint;
    return true;
}

ac_status
ac_config_difference(const char *before, const char *after, ac_buffer *out)
{
    const char *section = "";
    int section_size = 0;

    while (*before && *after) {
        const size_t n = strcspn(before, "\n"), m = strcspn(after, "\n");
        const int name = (int) strcspn(before, ":\n");
        if (*before != ' ' && *before != '#' &&
            before[name] == ':') { /* at the margin: a section, or a key without one */
            section = before;
            section_size = before[name + 1] == '\n' ? name : 0;
        }
        const char *a = memmem(before, n, "  #", 3),
                   *b =
                       memmem(after, m, "  #", 3); /* comments are another version's business */
        const int size = (int) (a ? a - before : (ptrdiff_t) n),
                  size_after = (int) (b ? b - after : (ptrdiff_t) m);

        if ((size != size_after || strncmp(before, after, (size_t) size) != 0) &&
            may_decide(section, *before == ' ' ? section_size : 0, before)) {
            const int skip = (int) strspn(before, " "), skip_after = (int) strspn(after, " "),
                      shown = skip ? section_size : 0;
            const char *dot = shown ? "." : "";
            ac_buffer_printf(out, "%s\"%.*s%s%.*s\" is now \"%.*s%s%.*s\"",
                             out->size ? "; " : "", shown, section, dot, size - skip,
                             before + skip, shown, section, dot, size_after - skip_after,
                             after + skip_after);
        }
        before += n + (before[n] == '\n');
        after += m + (after[m] == '\n');
    }
    return out->status;
}
