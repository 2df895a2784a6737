/* Stories by a causal model, one side of bench/stories.py; the peers answer to the same words.
 *
 *   bench_stories MODEL THREADS
 *
 * Each line "LINES TOKENS [greedy]" on stdin is a round: so many prompts are continued together
 * by so many tokens each, one prompt greedily and more by sampling, unless the line says
 * greedy; "0 MIB" reads so much memory with all threads. The answer is a line of JSON. */
#include <antarctic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { PROMPT = 12, COMMON = 6, MOST = 256, FIRST = 8, HUGE_PAGE = 2 << 20, PASSES = 3 };

static double
now(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

/* Prompts of 12 tokens, the first 6 common to all; the peers make the same. */
static void
make_prompts(int32_t *ids, int64_t *offsets, uint64_t *streams, int64_t lines,
             int64_t vocabulary)
{
    for (int64_t t = 0; t < lines; t++) {
        offsets[t] = t * PROMPT;
        streams[t] = (uint64_t) t;
        for (int64_t i = 0; i < PROMPT; i++)
            ids[t * PROMPT + i] = (int32_t) (100 + ((i < COMMON ? 0 : t) * 7919 + i * 104729) %
                                                       (vocabulary - 200));
    }
    offsets[lines] = lines * PROMPT;
}

/* The best of a few passes over `mib` MiB in huge pages, which is what bounds one stream. */
static ac_status
read_round(int64_t mib)
{
    const int64_t words = mib * (1 << 20) / 8;
    double best = 0;
    int64_t *memory = aligned_alloc(HUGE_PAGE, (size_t) words * 8), sum = 0;

    if (!memory)
        return AC_E_NOMEM;
    madvise(memory, (size_t) words * 8, MADV_HUGEPAGE);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < words; i++)
        memory[i] = i;
    for (int pass = 0; pass < PASSES; pass++) {
        const double start = now(CLOCK_MONOTONIC);
        double seconds;
#pragma omp parallel for schedule(static) reduction(+ : sum)
        for (int64_t i = 0; i < words; i++)
            sum += memory[i];
        seconds = now(CLOCK_MONOTONIC) - start;
        best = pass == 0 || seconds < best ? seconds : best;
    }
    printf("{\"seconds\": %.6f, \"bytes\": %lld, \"sum\": %lld}\n", best, (long long) words * 8,
           (long long) sum);
    fflush(stdout);
    free(memory);
    return AC_OK;
}

static void
print_first(const ac_generated *out)
{
    const ac_candidate first = ac_generated_at(out, 0, 0);

    for (int64_t i = PROMPT; i < first.count && i < PROMPT + FIRST; i++)
        printf("%s%d", i == PROMPT ? ", \"first\": [" : ", ", first.ids[i]);
    printf("]");
}

static ac_status
generate_round(ac_causal_model *model, int64_t lines, int64_t tokens, bool greedy)
{
    int32_t ids[MOST * PROMPT];
    int64_t offsets[MOST + 1], made = 0;
    uint64_t streams[MOST];
    ac_generation_config how;
    ac_generated out = { 0 };
    double wall, cpu;
    ac_status st = AC_OK;

    make_prompts(ids, offsets, streams, lines, model->net.config.vocab_size);
    ac_generation_config_defaults(&how, 0, 0);
    how.do_sample = lines > 1 && !greedy;
    how.temperature = 0.8;
    how.top_k = 40;
    how.top_p = 0.9;
    how.max_new_tokens = how.min_new_tokens = tokens;
    AC_TRY(ac_causal_model_set_generation(model, &how));
    wall = now(CLOCK_MONOTONIC);
    cpu = now(CLOCK_PROCESS_CPUTIME_ID);
    AC_TRY(ac_causal_model_generate(model, ids, offsets, streams, lines, &out));
    wall = now(CLOCK_MONOTONIC) - wall;
    cpu = now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    for (int64_t i = 0; i < lines; i++)
        made += ac_generated_at(&out, i, 0).count - PROMPT;
    printf("{\"seconds\": %.4f, \"cpu\": %.4f, \"tokens\": %lld", wall, cpu, (long long) made);
    print_first(&out);
    printf("}\n");
    fflush(stdout);
out:
    ac_generated_free(&out);
    return st;
}

int
main(int argc, char **argv)
{
    ac_causal_options options = { .model = argc > 1 ? argv[1] : "" };
    ac_causal_model model = { 0 };
    char text[64], word[8];
    ac_status st = AC_E_ARG;

    if (argc != 3)
        goto out;
    ac_compute_init(atoi(argv[2]));
    AC_TRY(ac_causal_model_open(&model, &options));
    printf("{\"name\": \"antarctic\", \"version\": \"%s\", \"kernels\": \"%s\", \"packed\": "
           "%zu}\n",
           ac_version(), ac_compute_describe(&options.compute),
           ac_causal_model_packed_bytes(&model));
    fflush(stdout);
    while (st == AC_OK && fgets(text, sizeof text, stdin)) {
        long long lines, tokens;
        const int words = sscanf(text, "%lld %lld %7s", &lines, &tokens, word);
        if (words < 2 || lines < 0 || lines > MOST || tokens < 1)
            st = AC_E_ARG;
        else if (lines == 0)
            st = read_round(tokens);
        else
            st = generate_round(&model, lines, tokens,
                                words == 3 && strcmp(word, "greedy") == 0);
    }
out:
    if (st != AC_OK)
        fprintf(stderr, "bench_stories: %s\n", ac_error_message());
    ac_causal_model_free(&model);
    return st == AC_OK ? 0 : 1;
}
