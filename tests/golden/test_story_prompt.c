/* What a story begins with, and its first sentence. The chat of golden/smollm2 is what
 * transformers' template of the real model makes; where that puts a system's message of its
 * own, it is given here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "jobs/story/sentence.h"
#include "jobs/story/template.h"
#include "tests/support/golden.h"

static void
expect_filled(const char *prompt, const char *system, ac_story_chat chat, const char *caption,
              const char *table, const char *expected)
{
    ac_texts captions = { 0 }, tables = { 0 };
    ac_buffer out = { 0 };

    assert_int_equal(ac_story_template_check(prompt, system), AC_OK);
    assert_int_equal(ac_texts_push(&captions, "another", 7), AC_OK);
    assert_int_equal(ac_texts_push(&captions, caption, strlen(caption)), AC_OK);
    assert_int_equal(ac_texts_push(&tables, "", 0), AC_OK);
    assert_int_equal(ac_texts_push(&tables, table, strlen(table)), AC_OK);
    assert_int_equal(ac_story_template_fill(&out, prompt, system, chat, &captions, &tables, 1),
                     AC_OK);
    assert_string_equal(out.data, expected);
    ac_texts_free(&captions);
    ac_texts_free(&tables);
    ac_buffer_free(&out);
}

static void
placeholders(void **state)
{
    static const char *const unknown[] = { "{captions}", "{Caption}",   "{a_b}",
                                           "{ caption}", "{caption2}",  "{caption-1}",
                                           "{table.0}",  "{caption:5}", "{légende}" };

    (void) state;
    expect_filled("Once upon a time there was {caption}", NULL, AC_CHAT_NONE, "a cat", "",
                  "Once upon a time there was a cat");
    expect_filled("{table}{caption}: {caption}", NULL, AC_CHAT_NONE, "a cat", "x | y | ",
                  "x | y | a cat: a cat");
    expect_filled("{}{1}{{caption}}", NULL, AC_CHAT_NONE, "{table}", "t",
                  "{}{1}{{table}}"); /* what a caption says is not filled in */
    expect_filled("", NULL, AC_CHAT_NONE, "a", "", "");
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        char text[64];
        snprintf(text, sizeof text, "{caption} %s {table}", unknown[i]);
        assert_int_equal(ac_story_template_check(text, NULL), AC_E_ARG);
        assert_non_null(strstr(ac_error_message(), unknown[i]));
        assert_int_equal(ac_story_template_check("{caption}", text), AC_E_ARG);
        assert_non_null(strstr(ac_error_message(), "story.system"));
    }
    assert_int_equal(ac_story_template_check("{} {1} {\"a\": 1} {{caption}} {", "{table}"),
                     AC_OK);
}

static void
chats(void **state)
{
    (void) state;
    expect_filled("About {caption}", NULL, AC_CHAT_LLAMA3, "a cat", "",
                  "<|start_header_id|>user<|end_header_id|>\n\nAbout a cat<|eot_id|>"
                  "<|start_header_id|>assistant<|end_header_id|>\n\n");
    expect_filled("About {caption}", "Be brief {} on {caption}", AC_CHAT_LLAMA3, "a cat", "",
                  "<|start_header_id|>system<|end_header_id|>\n\nBe brief {} on a cat<|eot_id|>"
                  "<|start_header_id|>user<|end_header_id|>\n\nAbout a cat<|eot_id|>"
                  "<|start_header_id|>assistant<|end_header_id|>\n\n");
    expect_filled("{caption}?", NULL, AC_CHAT_CHATML, "a cat", "",
                  "<|im_start|>user\na cat?<|im_end|>\n<|im_start|>assistant\n");
}

/* One message of a user behind the system's, as transformers puts it. */
static void
chats_of_transformers(void **state)
{
    char *path = golden_path("smollm2/continuations.jsonl");
    json_t *rows;
    const json_t *row;
    size_t i;
    int seen = 0;

    (void) state;
    if (!path)
        skip();
    rows = test_read_jsonl(path);
    json_array_foreach(rows, i, row)
    {
        const json_t *messages = json_object_get(row, "messages");
        const size_t n = json_array_size(messages);
        const char *last = json_string_value(
                       json_object_get(json_array_get(messages, n - 1), "content")),
                   *system = "You are a helpful AI assistant named SmolLM, trained by Hugging "
                             "Face";
        if (n == 0 || n > 2)
            continue;
        if (n == 2)
            system = json_string_value(json_object_get(json_array_get(messages, 0), "content"));
        expect_filled("{caption}", system, AC_CHAT_CHATML, last, "",
                      json_string_value(json_object_get(row, "text")));
        seen++;
    }
    assert_true(seen >= 2);
    json_decref(rows);
    free(path);
}

/* The chat's marks are tokens of the model, and its end is one; of another kind they are not.
 */
static void
check_end(const char *file, ac_story_chat chat, const char *end)
{
    static const char *const marks[] = {
        [AC_CHAT_CHATML] = "<|im_start|>", [AC_CHAT_LLAMA3] = "<|start_header_id|>"
    };
    char *path = golden_path(file);
    ac_causal_model model;
    ac_encoding ids = { 0 };
    int32_t id;

    if (!path)
        skip();
    if (ac_causal_model_open(
            &model, &(ac_causal_options){ .model = path, .need_tokenizer = true }) != AC_OK)
        fail_msg("%s", ac_error_message());
    assert_int_equal(ac_story_chat_end(&model, AC_CHAT_NONE, &id), AC_OK);
    assert_int_equal(id, -1);
    if (end) {
        assert_int_equal(ac_story_chat_end(&model, chat, &id), AC_OK);
        assert_int_equal(ac_causal_model_encode(&model, end, strlen(end), &ids), AC_OK);
        assert_int_equal(id, ids.ids[ids.count - 1]);
    } else {
        assert_int_equal(ac_story_chat_end(&model, chat, &id), AC_E_ARG);
        assert_non_null(strstr(ac_error_message(), marks[chat]));
    }
    ac_encoding_free(&ids);
    ac_causal_model_free(&model);
    free(path);
}

static void
ends_of_chats(void **state)
{
    (void) state;
    check_end("gguf/models/llama-f16.gguf", AC_CHAT_CHATML, "<|im_end|>");
    check_end("gguf/models/qwen2-q5_1.gguf", AC_CHAT_CHATML, "<|im_end|>");
    check_end("gguf/models/llama-f16.gguf", AC_CHAT_LLAMA3, NULL);
    check_end("gguf/models/llama_untied-q5_0.gguf", AC_CHAT_CHATML, NULL);
}

static void
expect_sentence(const char *prompt, const char *text, const char *expected)
{
    ac_buffer out = { 0 };

    assert_int_equal(ac_story_first_sentence(&out, prompt, strlen(prompt), text, strlen(text)),
                     AC_OK);
    assert_string_equal(out.data, expected);
    ac_buffer_free(&out);
}

static void
first_sentences(void **state)
{
    (void) state;
    expect_sentence("There was a cat", " who slept. It woke.", "There was a cat who slept.");
    expect_sentence("A dog. There was a cat", " who slept. It woke.",
                    "There was a cat who slept.");
    expect_sentence("A story about a cat.", " It slept! It woke.", "It slept!");
    expect_sentence("", "It cost 3.50 euros. Too much.", "It cost 3.50 euros.");
    expect_sentence("", "\"Who?\" asked the owl.", "\"Who?\"");
    expect_sentence("", "no end at all", "no end at all");
    expect_sentence("", "one line\nanother", "one line");
    expect_sentence("", "猫がいた。犬も。", "猫がいた。");
    expect_sentence("there was a cat", "", "there was a cat");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(placeholders),          cmocka_unit_test(chats),
        cmocka_unit_test(chats_of_transformers), cmocka_unit_test(ends_of_chats),
        cmocka_unit_test(first_sentences),
    };

    return golden_result(cmocka_run_group_tests(tests, NULL, NULL));
}
