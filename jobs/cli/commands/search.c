/* The command search: the images (or a cache's entries) nearest to a text, an image, an image
 * of the archive, an embedding. One process, or, under mpirun or srun, ranks that each have a
 * slice of the archive. */
#include <errno.h>
#include <math.h>
#include <mpi.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "engine/linear/compute.h"
#include "io/checkpoint/tokenizer_openai.h"
#include "io/file/file_head.h"
#include "io/file/json_value.h"
#include "io/file/publish.h"
#include "io/file/waiting_lines.h"
#include "jobs/cli/commands/commands.h"
#include "jobs/cli/mpi_start.h"
#include "jobs/cli/options.h"
#include "jobs/cli/terminal.h"
#include "jobs/cli/tools/images.h"
#include "jobs/cli/tools/tools.h"
#include "jobs/runtime/progress.h"
#include "jobs/search/answers.h"

static const ac_option options[] = {
    { "text", 0, "T", "search for this text; may be repeated, as the next two" },
    { "image", 0, "F", "search for what is like this image" },
    { "key", 0, "K", "search for what is like this image of the archive, without it" },
    { "queries", 0, "F.jsonl",
      "a query per line: {\"text\"}, {\"image\"}, {\"key\"} (with \"source\" where several "
      "runs have the key) or {\"embedding\": […]}" },
    { "watch", 0, NULL,
      "keep all in memory and answer each line of standard input at once, together with those "
      "that wait behind it: a record as in --queries, or a text" },
    { "k", 'k', "K", "how many results (default: 20)" },
    { "min-score", 0, "S", "leave out results with a lower score" },
    { "model", 0, "DIR", "the CLIP that made the embeddings (default: where the run says)" },
    { "model-config", 0, "F", "a config.json that is not in the model's folder" },
    { "vocabulary", 0, "DIR|F",
      "read the tokenizer's files from here: a folder, a tokenizer.json, or "
      "OpenAI's " AC_OPENAI_VOCABULARY },
    { "format", 0, "F", "jsonl (default), paths, or html: a page that needs no other file" },
    { "out", 0, "F", "write this file (default: standard output)" },
    AC_TOOL_COMPUTE_OPTIONS,
    { NULL, 0, NULL, NULL },
};

/* The most lines of standard input that are answered together, where so many wait. */
enum { TOGETHER = 8 };

/* Lines of --queries or of standard input. */
typedef struct reader {
    ac_text_lines queries; /* has the file of --queries */
    FILE *file;
    char *line;
    size_t capacity;
    int64_t number;
    ac_waiting_lines waiting; /* of standard input */
    int option;               /* of the queries on the command line: the next to look at */
} reader;

typedef struct searcher {
    const ac_arguments *a;
    const ac_comm *comm; /* NULL: without MPI */
    bool watch;
    int64_t k;
    double least;
    ac_archive archive;
    ac_search search;
    ac_query_model model;
    ac_answers answers;
    reader reader;
} searcher;

static bool
is_first(const searcher *self)
{
    return !self->comm || self->comm->rank == 0;
}

static ac_status
agree_all(const searcher *self, ac_status st)
{
    return self->comm ? ac_agree_all(self->comm, st) : st;
}

static void
searcher_free(searcher *self)
{
    ac_text_lines_close(&self->reader.queries);
    free(self->reader.line);
    ac_waiting_lines_free(&self->reader.waiting);
    self->reader = (reader){ 0 };
    ac_answers_abandon(&self->answers);
    ac_query_model_free(&self->model);
    ac_search_free(&self->search);
    ac_archive_close(&self->archive);
}

/* ---- what is asked ---- */

static bool
is_query(const char *name)
{
    return strcmp(name, "text") == 0 || strcmp(name, "image") == 0 || strcmp(name, "key") == 0;
}

/* Queries on the command line. */
static int
count_queries(const ac_arguments *a)
{
    int count = 0;

    for (int i = 0; i < a->set_count; i++)
        count += is_query(a->set[i].option->name);
    return count;
}

/* A line without the mark before the first one, and without its end; false: it is empty. */
static bool
trim(const char **line, size_t *n, bool is_first_line)
{
    const size_t mark = is_first_line ? ac_head_mark(*line, *n) : 0;

    *line += mark;
    *n -= mark;
    while (*n > 0 && ((*line)[*n - 1] == '\n' || (*line)[*n - 1] == '\r'))
        (*n)--;
    return *n > 0;
}

/* The next line of --queries with something in it; false: there is none. */
static bool
next_line(reader *self, const char **line, size_t *n)
{
    ssize_t size;

    while (self->file && (size = getline(&self->line, &self->capacity, self->file)) >= 0) {
        *line = self->line;
        *n = (size_t) size;
        if (trim(line, n, self->number++ == 0))
            return true;
    }
    return false;
}

/* A line of standard input need not be JSON: then it is a text. */
static json_t *
record_of(const searcher *self, const char *line, size_t n)
{
    json_t *record = ac_json_parse(line, n, 0, NULL);

    if (!json_is_object(record) && self->watch && line[0] != '{') {
        json_decref(record);
        record = json_pack("{s:s%}", "text", line, n);
    }
    return record;
}

static ac_status
add_line(searcher *self, const char *line, size_t n, int64_t number)
{
    json_t *record = record_of(self, line, n);
    const ac_status st = ac_queries_add(&self->search.queries, &self->archive, record, number);

    json_decref(record);
    return st;
}

/* With OpenBLAS the bits of a text's embedding depend on the texts beside it, so that answers
 * would depend on which lines wait. */
static int64_t
most_together(const searcher *self)
{
    const int64_t block = ac_search_block(&self->search);

    if (ac_backend_resolve(&self->model.options.compute) == AC_BACKEND_OPENBLAS)
        return 1;
    return block < TOGETHER ? block : TOGETHER;
}

/* Rank 0: a line of standard input, and those that wait behind it. An image, which takes longer
 * than several texts, stands alone; what needs a model that is not open comes first, so that
 * nobody before it waits for the model, or gets no answer where it cannot be opened. */
static ac_status
read_waiting(searcher *self)
{
    ac_queries *queries = &self->search.queries;
    ac_waiting_lines *lines = &self->reader.waiting;
    const int64_t most = most_together(self);
    bool alone = false;
    ac_status st = AC_OK;

    ac_queries_reset(queries);
    while (queries->count < most && !alone) {
        const ac_query *added;
        const char *line;
        size_t n;
        AC_TRY(ac_waiting_lines_next(lines, queries->count == 0, &line, &n));
        if (!line)
            break;
        if (!trim(&line, &n, lines->number == 1))
            continue;
        AC_TRY(add_line(self, line, n, lines->number));
        added = &queries->items[queries->count - 1];
        alone = added->kind == AC_QUERY_IMAGE;
        if (queries->count > 1 && (alone || !ac_query_model_is_open_for(&self->model, added))) {
            ac_queries_drop_last(queries);
            ac_waiting_lines_return(lines);
            break;
        }
    }
    st = ac_queries_embed(queries, &self->archive, &self->model);
out:
    return st;
}

/* Rank 0: the next queries, up to `most`. */
static ac_status
read_block(searcher *self, int64_t most)
{
    ac_queries *queries = &self->search.queries;
    reader *r = &self->reader;
    const char *line;
    size_t n;
    ac_status st = AC_OK;

    ac_queries_reset(queries);
    for (; r->option < self->a->set_count && queries->count < most; r->option++) {
        const char *name = self->a->set[r->option].option->name;
        json_t *record;
        if (!is_query(name))
            continue;
        record = json_pack("{s:s}", name, self->a->set[r->option].value);
        if (!record && strcmp(name, "text") == 0)
            AC_FAIL(AC_E_ARG, "--%s: \"%s\" is not UTF-8", name, self->a->set[r->option].value);
        st = record ? ac_queries_add(queries, &self->archive, record, 0)
                    : ac_queries_add_name(queries, &self->archive,
                                          name[0] == 'k' ? AC_QUERY_KEY : AC_QUERY_IMAGE,
                                          self->a->set[r->option].value);
        json_decref(record);
        AC_TRY(st);
    }
    while (queries->count < most && next_line(r, &line, &n))
        if (strspn(line, " \t\r") < n)
            AC_TRY(add_line(self, line, n, r->number));
    if (r->file && ferror(r->file))
        AC_FAIL(ac_io_failure(errno), "the queries cannot be read: %s", strerror(errno));
    st = ac_queries_embed(queries, &self->archive, &self->model);
out:
    return st;
}

/* What the command line asks for must be there; a line of many is answered with its error. */
static ac_status
check_block(const searcher *self)
{
    const ac_queries *queries = &self->search.queries;

    for (int64_t i = 0; !self->reader.file && !self->watch && i < queries->count; i++)
        if (queries->items[i].kind == AC_QUERY_BAD)
            return ac_error_set(queries->items[i].reason, "%s", queries->items[i].error);
    return AC_OK;
}

/* ---- the search ---- */

static ac_status
open_reader(searcher *self)
{
    const char *path = ac_arguments_get(self->a, "queries");
    const ac_status st = path ? ac_text_lines_open(&self->reader.queries, path, true) : AC_OK;

    self->reader.file = self->reader.queries.stream;
    if (self->watch)
        self->reader.waiting =
            (ac_waiting_lines){ .file = STDIN_FILENO, .name = "the queries" };
    return st;
}

static ac_status
answer_all(searcher *self)
{
    double seconds = 0;
    int64_t scans = 0;
    ac_status st = AC_OK;
    bool more = true;

    while (more) {
        double start;
        if (is_first(self)) {
            st = self->watch ? read_waiting(self)
                             : read_block(self, ac_search_block(&self->search));
            if (st == AC_OK)
                st = check_block(self);
        }
        start = ac_progress_clock();
        AC_TRY(ac_search_block_all(&self->search, st, &more));
        seconds += ac_progress_clock() - start;
        scans += more;
        if (is_first(self) && more)
            st = ac_answers_put(&self->answers, &self->search);
        AC_TRY(agree_all(self, st));
    }
    if (is_first(self)) {
        if (self->answers.answered == 0 && !self->watch)
            st = ac_error_set(AC_E_ARG, "a query of nothing: %s holds no query",
                              ac_arguments_get(self->a, "queries"));
        if (st == AC_OK)
            st = ac_answers_commit(&self->answers);
        ac_log(AC_LOG_INFO, "%lld quer%s of %lld in %.3f s (%s, %lld scan%s)",
               (long long) self->answers.answered, self->answers.answered == 1 ? "y" : "ies",
               (long long) self->archive.n, seconds, ac_topk_index_scan(&self->search.index),
               (long long) scans, scans == 1 ? "" : "s");
    }
    st = agree_all(self, st);
out:
    return st;
}

/* Collective where there are ranks. */
static ac_status
search_all(searcher *self)
{
    const ac_arguments *a = self->a;
    const int64_t queries = ac_arguments_has(a, "queries") ? 0
                            : self->watch                  ? 1
                                                           : count_queries(a);
    ac_status st = AC_OK;

    if (is_first(self))
        st = open_reader(self);
    if (st == AC_OK)
        st = ac_archive_open(&self->archive, a->words, a->word_count);
    if (st == AC_OK && is_first(self))
        st = ac_query_model_check(&self->model, &self->archive);
    AC_TRY(agree_all(self, st));
    AC_TRY(ac_search_init_all(&self->search, self->comm, &self->archive, self->k,
                              (float) self->least, queries, !self->watch));
    if (is_first(self))
        st = ac_answers_open(&self->answers, &self->search);
    AC_TRY(agree_all(self, st));
    if (self->watch && is_first(self))
        ac_log(AC_LOG_INFO, "%lld rows in memory: ready", (long long) self->archive.n);
    AC_TRY(answer_all(self));
    if (is_first(self) && self->answers.refused)
        st =
            ac_error_set(AC_E_FORMAT, "%lld of %lld queries could not be asked",
                         (long long) self->answers.refused, (long long) self->answers.answered);
    st = agree_all(self, st);
out:
    return st;
}

/* By mpirun or srun. */
static ac_status
search_under_mpi(searcher *self, ac_status st)
{
    int threads;
    ac_comm comm;

    ac_mpi_prepare();
    MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &threads);
    ac_comm_init(&comm, MPI_COMM_WORLD);
    self->comm = &comm;
    if (!ac_arguments_has(self->a, "threads"))
        ac_compute_init(ac_mpi_threads(&comm));
    if (st == AC_OK)
        st = ac_mpi_check_launcher(&comm);
    st = ac_agree_all(&comm, st);
    if (st == AC_OK)
        st = search_all(self);
    if (st != AC_OK && comm.rank == 0) {
        ac_terminal_error("search"); /* before the launcher ends the others */
        ac_terminal_wait_until_read(STDERR_FILENO);
    }
    if (st != AC_OK)
        AC_MPI(MPI_Barrier(comm.mpi));
    searcher_free(self);
    ac_comm_free(&comm);
    MPI_Finalize();
    return st;
}

static ac_status
read_options(searcher *self)
{
    const ac_arguments *a = self->a;
    const char *format = ac_arguments_get(a, "format");
    ac_status st = AC_OK;

    self->watch = ac_arguments_has(a, "watch");
    self->k = 20;
    self->least = -INFINITY;
    self->answers.path = ac_arguments_get(a, "out");
    self->model.max_pixels = AC_MAX_PIXELS;
    self->model.given = ac_arguments_get(a, "model");
    self->model.options.model_config = ac_arguments_get(a, "model-config");
    self->model.options.vocabulary = ac_arguments_get(a, "vocabulary");
    AC_TRY(ac_arguments_once(a, "queries"));
    AC_TRY(ac_arguments_int(a, "k", &self->k, 1, 1000000));
    AC_TRY(ac_arguments_real(a, "min-score", &self->least));
    if (format && !ac_answer_format_from_name(format, &self->answers.format))
        AC_FAIL(AC_E_ARG, "--format: \"%s\" is none of jsonl, paths, html", format);
    if (a->word_count == 0)
        AC_FAIL(AC_E_ARG, "what is to be searched is missing: antarctic search RUN --text T");
    if ((count_queries(a) > 0) + ac_arguments_has(a, "queries") + self->watch != 1)
        AC_FAIL(AC_E_ARG, "a query of nothing, or several ways to ask: give --text, --image or "
                          "--key, or --queries FILE, or --watch");
    if (self->answers.format == AC_ANSWERS_HTML && (!self->answers.path || self->watch))
        AC_FAIL(AC_E_ARG, "--format html needs --out F.html%s",
                self->watch ? ", and not --watch" : "");
    if (self->watch && self->answers.path)
        AC_FAIL(AC_E_ARG, "--watch answers on standard output: without --out");
    st = ac_tool_compute(a, &self->model.options.compute);
out:
    return st;
}

ac_status
ac_command_search(int argc, char **argv)
{
    ac_arguments a = { 0 };
    searcher self = { .a = &a };
    ac_status st = AC_OK;

    st = ac_arguments_parse(&a, options, argc, argv);
    if (st == AC_OK && a.help) {
        ac_options_help(
            stdout,
            "search RUN [RUN…] (--text T | --image F | --key K | --queries F.jsonl "
            "| --watch) [-k 20]",
            "The images of runs (or the entries of a cache) nearest to a text, an "
            "image, an image of the archive or an embedding: exact, without an "
            "index to be made before. Under mpirun the ranks share the archive; the "
            "answer is the same to the byte. A line per query: {\"query\", "
            "\"results\": [{\"key\", \"score\", \"source\", \"caption\"}]}, best "
            "first, ties by lower key.",
            options);
        goto out;
    }
    if (st == AC_OK)
        st = read_options(&self);
    if (ac_mpi_is_launched())
        st = search_under_mpi(&self, st);
    else if (st == AC_OK)
        st = search_all(&self);
out:
    searcher_free(&self);
    ac_arguments_free(&a);
    return st;
}
