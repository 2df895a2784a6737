/* io/config: defaults, types, ranges, paths, the print that reads back, fingerprints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/config/config.h"

static char folder[] = "/tmp/antarctic-config-XXXXXX";

static void
write_config(char path[64], const char *text)
{
    FILE *f;

    snprintf(path, 64, "%s/job.yaml", folder);
    f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void
refused(const char *text, const char *message)
{
    ac_config c;
    char path[64];

    write_config(path, text);
    assert_int_equal(ac_config_init(&c), AC_OK);
    assert_int_equal(ac_config_read(&c, path), AC_E_ARG);
    if (!strstr(ac_error_message(), message))
        fail_msg("\"%s\" does not say \"%s\"", ac_error_message(), message);
    ac_config_free(&c);
    ac_config_free(&c);
}

static void
refuses_what_is_wrong_and_says_where(void **state)
{
    (void) state;
    refused("retrieval:\n  topkk: 3\n", "job.yaml:2: unknown key \"retrieval.topkk\"; the "
                                        "nearest known one is \"retrieval.topk\"");
    refused("retrival:\n  topk: 3\n", "job.yaml:1: unknown key \"retrival\"");
    refused("retrieval:\n  topk: 1.5\n",
            "job.yaml:2: retrieval.topk: \"1.5\" is not a whole number");
    refused("retrieval:\n  topk: -1\n", "from 1 to");
    refused("retrieval:\n  topk: nan\n", "is not a whole number");
    refused("generation:\n  top_p: 1.5\n", "from 0 to 1, auto or none");
    refused("generation:\n  early_stopping: perhaps\n", "one of false true never");
    refused("rescore:\n  enabled: 2\n", "true or false");
    refused("limits:\n  max_bad_items: 120 %\n", "a count (25) or a share (10 %)");
    refused("output:\n  compression: lz4\n", "one of zstd gzip none");
    refused("input: [a]\n", "job.yaml:1: input is a section");
    refused("- a\n", "is a section");
    refused("cache:\n  path: {a: b}\n", "needs one value");
    refused("input:\n  path: {a: b}\n", "unknown key \"input.path.a\"");
    refused("input:\n\tpath: a\n", "job.yaml:2:");
    refused("generation:\n  bad_words_ids: [5, 6]\n",
            "job.yaml:2: generation.bad_words_ids: \"[5, 6]\": is not a list of lists");
    refused("generation:\n  suppress_tokens: [[5]]\n", "is not a list of token ids");
    refused("generation:\n  suppress_tokens: {5: 6}\n", "needs one value");
    refused("generation:\n  sequence_bias: [[[5]]]\n", "with a bias");
    refused("generation:\n  exponential_decay_length_penalty: [1.5, 2]\n", "[start, factor]");
    refused("generation:\n  eos_token_id: [1.5]\n", "is not a list of token ids");
    refused("generation:\n  bad_words_ids: &a [*a]\n", "needs a value or a list of numbers");
    refused("retrieval:\n  topk: [1]\n", "needs one value");
    refused("generation:\n  repetition_penalty: 0\n", "a number from 1e-06");
}

static void
reads_values_and_resolves_paths(void **state)
{
    ac_config c;
    char path[64], expected[64];

    (void) state;
    write_config(path, "input:\n  path: images\n  apply_exif: yes\ncache:\n  path: "
                       "none\nbart:\n  model: /models/bart\n"
                       "retrieval:\n  topk: 7\n  max_tokens: none\ngeneration:\n  top_k: "
                       "none\n  temperature: 0.5\n"
                       "rescore:\n  prefix: \"A photo depicts \"\nseed: 9000000000000000\n");
    snprintf(expected, sizeof expected, "%s/images", folder);
    assert_int_equal(ac_config_init(&c), AC_OK);
    assert_int_equal(c.retrieval.topk, 10);
    assert_int_equal(ac_config_read(&c, path), AC_OK);
    assert_string_equal(c.input.path, expected);
    assert_true(c.input.apply_exif);
    assert_null(c.cache.path);
    assert_string_equal(c.bart.model, "/models/bart");
    assert_int_equal(c.retrieval.topk, 7);
    assert_int_equal(ac_config_max_tokens(&c, 1024), 1024);
    assert_true(c.generation.top_k.presence == AC_NONE &&
                c.generation.num_beams.presence == AC_UNSET);
    assert_true(c.generation.temperature.presence == AC_SET &&
                c.generation.temperature.value == 0.5);
    assert_string_equal(c.rescore.prefix, "A photo depicts ");
    assert_int_equal(c.seed, 9000000000000000);
    assert_int_equal(ac_config_set(&c, "retrieval.topk=3"), AC_OK);
    assert_int_equal(c.retrieval.topk, 3);
    assert_int_equal(ac_config_check(&c, "embed-images"), AC_E_ARG); /* no clip.model */
    assert_non_null(strstr(ac_error_message(), "clip.model"));
    assert_int_equal(ac_config_set(&c, "clip.model=/m"), AC_OK);
    assert_int_equal(ac_config_check(&c, "embed-images"), AC_OK);
    assert_int_equal(ac_config_check(&c, "caption"), AC_E_ARG); /* no cache.path */
    ac_config_free(&c);
}

static void
bad_items_are_a_count_or_a_share(void **state)
{
    static const struct {
        const char *value;
        int64_t items, most;
    } cases[] = {
        { "10 %", 1000, 100 }, { "10%", 20, 10 },       { "0.25", 1000, 250 },
        { "25", 1000, 25 },    { "3", 1000, 3 },        { "0", 1000, 0 },
        { "1", 1000, 1 },      { "100 %", 1000, 1000 }, { "0 %", 1000, 10 },
    };
    ac_config c;

    (void) state;
    assert_int_equal(ac_config_init(&c), AC_OK);
    assert_int_equal(ac_config_max_bad_items(&c, 1000), 100);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char assignment[64];
        snprintf(assignment, sizeof assignment, "limits.max_bad_items=%s", cases[i].value);
        assert_int_equal(ac_config_set(&c, assignment), AC_OK);
        assert_int_equal(ac_config_max_bad_items(&c, cases[i].items), cases[i].most);
    }
    ac_config_free(&c);
}

static const char *
text_of(const char *assignment, const char *which)
{
    static char text[200];
    ac_config c;
    ac_status st;

    assert_int_equal(ac_config_init(&c), AC_OK);
    st = ac_config_set(&c, assignment);
    if (st != AC_OK)
        fail_msg("%s: %s", assignment, ac_error_message());
    snprintf(text, sizeof text, "%s",
             *which == 'p'   ? c.rescore.prefix
             : *which == 'i' ? (c.input.path ? c.input.path : "none")
                             : c.input.train_annotations);
    ac_config_free(&c);
    return text;
}

/* --set takes a value as the file has it: quotation marks, lists and braces are YAML's. A text
 * or a path without quotation marks stands as it is. */
static void
set_takes_yaml(void **state)
{
    ac_config c;
    char path[64], in_file[33], by_set[33];

    (void) state;
    assert_string_equal(text_of("rescore.prefix=\"A photo depicts \"", "p"),
                        "A photo depicts ");
    assert_string_equal(text_of("rescore.prefix='it''s: '", "p"), "it's: ");
    assert_string_equal(text_of("rescore.prefix=\"a\\tb\"", "p"), "a\tb");
    assert_string_equal(text_of("rescore.prefix=A photo depicts ", "p"), "A photo depicts ");
    assert_string_equal(text_of("rescore.prefix=", "p"), "");
    assert_string_equal(text_of("input.path=/a: b # c", "i"), "/a: b # c");
    assert_string_equal(text_of("input.path=/[a] {b} 'c'", "i"), "/[a] {b} 'c'");
    assert_string_equal(text_of("input.path=\"/a b\"", "i"), "/a b");
    assert_string_equal(text_of("input.path=\"/half", "i") +
                            strlen(text_of("input.path=\"/half", "i")) - 6,
                        "\"/half");
    assert_string_equal(text_of("input.path=none", "i"), "none");
    assert_string_equal(text_of("rescore.prefix=\"a\" b", "p"), "\"a\" b");
    assert_string_equal(text_of("rescore.prefix='a'b", "p"), "'a'b");
    assert_string_equal(text_of("rescore.prefix=\"a\" # b", "p"), "a");
    assert_string_equal(text_of("rescore.prefix=|", "p"), "|");
    assert_string_equal(text_of("rescore.prefix=--- x", "p"), "--- x");
    assert_string_equal(text_of("input.train={annotations: /a.json, images: /b}", "a"),
                        "/a.json");

    write_config(path, "generation:\n  bad_words_ids:\n  - [5, 6]\n  - [7]\n"
                       "  eos_token_id: 3\n  suppress_tokens: [ 8,9 ]\n"
                       "train:\n  betas: [0.8, 0.9]\n");
    assert_int_equal(ac_config_init(&c), AC_OK);
    assert_int_equal(ac_config_read(&c, path), AC_OK);
    assert_string_equal(c.generation.bad_words_ids.text, "[[5, 6], [7]]");
    assert_string_equal(c.generation.eos_token_id.text, "3");
    assert_true(c.train.betas[0] == 0.8);
    assert_int_equal(ac_config_fingerprint(&c, "caption", in_file), AC_OK);
    assert_int_equal(ac_config_set(&c, "generation.bad_words_ids=auto"), AC_OK);
    assert_null(c.generation.bad_words_ids.text);
    assert_int_equal(ac_config_set(&c, "generation.bad_words_ids=[[5,6],[7]]"), AC_OK);
    assert_int_equal(ac_config_set(&c, "train.betas=[0.7, 0.9]"), AC_OK);
    assert_true(c.train.betas[0] == 0.7);
    assert_int_equal(ac_config_fingerprint(&c, "caption", by_set), AC_OK);
    assert_string_equal(in_file, by_set);
    assert_int_equal(ac_config_set(&c, "retrieval.topk=\"7\""), AC_OK);
    assert_int_equal(c.retrieval.topk, 7);
    assert_int_equal(ac_config_set(&c, "retrieval.topk=\"7\" 8"), AC_E_ARG);
    assert_int_equal(ac_config_set(&c, "rescore.prefix=\"a\\0b\""), AC_E_ARG);
    assert_non_null(strstr(ac_error_message(), "rescore.prefix: holds a zero byte"));
    assert_int_equal(ac_config_set(&c, "retrieval.topk=[7]"), AC_E_ARG);
    assert_int_equal(ac_config_set(&c, "retrieval=7"), AC_E_ARG);
    assert_int_equal(ac_config_set(&c, "retrieval={topk: 8, max_tokens: none}"), AC_OK);
    assert_int_equal(c.retrieval.topk, 8);
    ac_config_free(&c);
}

/* What is left to the model, what is switched off, and what is set. */
static void
generation_over_what_the_model_says(void **state)
{
    ac_generation_config g;
    ac_config c;

    (void) state;
    ac_generation_config_defaults(&g, 2, 2);
    g.max_new_tokens = 7;
    g.repetition_penalty = 1.5;
    g.min_p = 0.25;
    assert_int_equal(ac_config_init(&c), AC_OK);
    assert_int_equal(ac_config_generation(&c, &g), AC_OK);
    assert_true(g.max_new_tokens == 7 && g.repetition_penalty == 1.5 && g.min_p == 0.25 &&
                g.top_k == 50 && g.eos_count == 1);
    assert_int_equal(ac_config_set(&c, "generation.max_new_tokens=none"), AC_OK);
    assert_int_equal(ac_config_set(&c, "generation.repetition_penalty=none"), AC_OK);
    assert_int_equal(ac_config_set(&c, "generation.top_k=none"), AC_OK);
    assert_int_equal(ac_config_set(&c, "generation.eos_token_id=[4, 5]"), AC_OK);
    assert_int_equal(
        ac_config_set(&c, "generation.sequence_bias=[[[5, 6], -1.5], [[5, 6], 2]]"), AC_OK);
    assert_int_equal(
        ac_config_set(&c, "generation.exponential_decay_length_penalty=[10, 1.25]"), AC_OK);
    assert_int_equal(ac_config_generation(&c, &g), AC_OK);
    assert_true(g.max_new_tokens == 0 && g.repetition_penalty == 1 && g.min_p == 0.25 &&
                g.top_k == 0);
    assert_int_equal(ac_generation_config_most(&g, 1, 1024), 21);
    assert_int_equal(ac_generation_config_most(&g, 1, 16), 16);
    assert_true(ac_generation_config_ends(&g, 5) && !ac_generation_config_ends(&g, 2));
    assert_true(g.sequence_bias.count == 1 && g.sequence_bias.biases[0] == 2);
    assert_true(g.decay_start == 10 && g.decay_factor == 1.25);
    assert_int_equal(ac_config_set(&c, "generation.eos_token_id=none"), AC_OK);
    assert_int_equal(ac_config_set(&c, "generation.sequence_bias=none"), AC_OK);
    assert_int_equal(ac_config_generation(&c, &g), AC_OK);
    assert_true(g.eos_count == 0 && g.sequence_bias.count == 0);
    ac_generation_config_free(&g);
    ac_config_free(&c);
}

/* The whole print, of every job, reads back to the same print and fingerprint; odd texts
 * survive. */
static void
prints_what_reads_back(void **state)
{
    static const char *const jobs[] = { "embed-images", "tag", "caption", "build-cache" };
    static const char *const settings[] = {
        "input.path=/a \"b\" \\c # d",
        "rescore.prefix=line one\nline: two",
        "generation.length_penalty=0.1",
        "generation.top_p=none",
        "limits.max_bad_items=33.3 %",
        "output.compression=gzip",
        "generation.early_stopping=never",
        "compute.threads=3",
        "generation.bad_words_ids=[[5, 6], [7]]",
        "generation.eos_token_id=[2, 3]",
        "generation.min_p=0.1",
        "output.top=9",
    };

    (void) state;
    for (size_t j = 0; j < sizeof jobs / sizeof *jobs; j++) {
        ac_config c, again;
        ac_buffer text = { 0 }, twice = { 0 };
        char path[64], before[33], after[33];
        assert_int_equal(ac_config_init(&c), AC_OK);
        for (size_t s = 0; s < sizeof settings / sizeof *settings; s++)
            assert_int_equal(ac_config_set(&c, settings[s]), AC_OK);
        assert_int_equal(ac_config_print(&c, jobs[j], &text), AC_OK);
        write_config(path, text.data);
        assert_int_equal(ac_config_init(&again), AC_OK);
        assert_int_equal(ac_config_read(&again, path), AC_OK);
        assert_int_equal(ac_config_print(&again, jobs[j], &twice), AC_OK);
        assert_string_equal(text.data, twice.data);
        assert_int_equal(ac_config_fingerprint(&c, jobs[j], before), AC_OK);
        assert_int_equal(ac_config_fingerprint(&again, jobs[j], after), AC_OK);
        assert_string_equal(before, after);
        ac_config_free(&c);
        ac_config_free(&again);
        ac_buffer_free(&text);
        ac_buffer_free(&twice);
    }
}

static void
fingerprints_follow_what_decides_the_output(void **state)
{
    static const struct {
        const char *setting;
        bool decides;
    } cases[] = {
        { "retrieval.topk=11", true },
        { "seed=1", true },
        { "compute.precision=bf16", true },
        { "input.apply_exif=true", true },
        { "compute.threads=7", false },
        { "compute.batch=3", false },
        { "limits.max_bad_items=1", false },
        { "input.path=/elsewhere", false },
        { "generation.min_p=auto", false },
        { "generation.min_p=none", true },
        { "generation.suppress_tokens=[5]", true },
        { "output.top=3", false },
    };
    char plain[33], other[33];
    ac_config c;

    (void) state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(ac_config_init(&c), AC_OK);
        assert_int_equal(ac_config_fingerprint(&c, "caption", plain), AC_OK);
        assert_int_equal(ac_config_set(&c, cases[i].setting), AC_OK);
        assert_int_equal(ac_config_fingerprint(&c, "caption", other), AC_OK);
        assert_true((strcmp(plain, other) != 0) == cases[i].decides);
        ac_config_free(&c);
    }
}

static void
differences_are_named(void **state)
{
    ac_buffer out = { 0 };

    (void) state;
    assert_int_equal(
        ac_config_difference("a: 1  # x\nb: 2  # y\n", "a: 1  # x\nb: 3  # y\n", &out), AC_OK);
    assert_string_equal(out.data, "\"b: 2\" is now \"b: 3\"");
    ac_buffer_free(&out);
    assert_int_equal(ac_config_difference(
                         "s:\n  a: 1  # x\n\nt:\n  a: 1  # x\n\nc: 1\n",
                         "s:\n  a: 1  # another comment\n\nt:\n  a: 2  # x\n\nc: 2\n", &out),
                     AC_OK);
    assert_string_equal(out.data, "\"t.a: 1\" is now \"t.a: 2\"; \"c: 1\" is now \"c: 2\"");
    ac_buffer_free(&out);
    assert_int_equal(
        ac_config_difference("retrieval:\n  topk: 10  # x\ncompute:\n  threads: 1  # y\n",
                             "retrieval:\n  topk: 3  # x\ncompute:\n  threads: 2  # y\n", &out),
        AC_OK);
    assert_string_equal(
        out.data,
        "\"retrieval.topk: 10\" is now \"retrieval.topk: 3\""); /* threads decide nothing */
    ac_buffer_free(&out);
    /* a key that the run began without, at its default or not; values that hold a mark */
    assert_int_equal(
        ac_config_difference("generation:\n  top_p: auto  # x\nrescore:\n  prefix: \"a: b\"\n",
                             "generation:\n  top_p: auto  # x\n  min_p: auto  # y\n  top_h: "
                             "0.5  # z\nrescore:\n  prefix: \"a: c\"\n",
                             &out),
        AC_OK);
    assert_string_equal(out.data,
                        "\"generation.top_h: auto\" is now \"generation.top_h: 0.5\"; "
                        "\"rescore.prefix: \"a: b\"\" is now \"rescore.prefix: "
                        "\"a: c\"\"");
    ac_buffer_free(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_is_wrong_and_says_where),
        cmocka_unit_test(reads_values_and_resolves_paths),
        cmocka_unit_test(bad_items_are_a_count_or_a_share),
        cmocka_unit_test(set_takes_yaml),
        cmocka_unit_test(generation_over_what_the_model_says),
        cmocka_unit_test(prints_what_reads_back),
        cmocka_unit_test(fingerprints_follow_what_decides_the_output),
        cmocka_unit_test(differences_are_named),
    };
    char path[64];
    int failed;

    if (!mkdtemp(folder))
        return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    snprintf(path, sizeof path, "%s/job.yaml", folder);
    unlink(path);
    rmdir(folder);
    return failed;
}
