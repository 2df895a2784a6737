#include "jobs/story/template.h"

#include <string.h>

static bool
is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80);
}

/* The length of "{word}" at the text's beginning; 0: none stands there. What looks like a name
 * is a word: letters of any language, and digits, blanks and - . : between them. */
static size_t
word_in_braces(const char *text)
{
    size_t n = 1;
    bool letters = false;

    if (*text != '{')
        return 0;
    for (; is_letter(text[n]) || (text[n] >= '0' && text[n] <= '9') ||
           (text[n] && strchr(" -.:", text[n]));
         n++)
        letters = letters || is_letter(text[n]);
    return letters && text[n] == '}' ? n + 1 : 0;
}

static bool
is_word(const char *text, size_t n, const char *word)
{
    return n == strlen(word) && memcmp(text, word, n) == 0;
}

static ac_status
check_words(const char *key, const char *text)
{
    for (const char *p = text; *p; p++) {
        const size_t n = word_in_braces(p);
        if (n && !is_word(p, n, "{caption}") && !is_word(p, n, "{table}"))
            return ac_error_set(AC_E_ARG, "%s: %.*s is not known; {caption} and {table} are",
                                key, (int) n, p);
    }
    return AC_OK;
}

ac_status
ac_story_template_check(const char *prompt, const char *system)
{
    const ac_status st = check_words("story.prompt", prompt);

    return st == AC_OK && system ? check_words("story.system", system) : st;
}

static void
fill(ac_buffer *out, const char *prompt, const ac_texts *captions, const ac_texts *tables,
     int64_t item)
{
    while (*prompt) {
        const size_t n = word_in_braces(prompt);
        const ac_texts *texts = is_word(prompt, n, "{caption}") ? captions : tables;
        if (n)
            ac_buffer_push(out, ac_texts_at(texts, item), ac_texts_size(texts, item));
        else
            ac_buffer_push_char(out, *prompt);
        prompt += n ? n : 1;
    }
}

/* What stands around a message of each kind of chat. */
typedef struct marks {
    const char *before, *after; /* a role stands between before and inside */
    const char *inside, *end;   /* end: the token that ends a message */
} marks;

static const marks chats[] = {
    [AC_CHAT_CHATML] = { "<|im_start|>", "\n", "\n", "<|im_end|>" },
    [AC_CHAT_LLAMA3] = { "<|start_header_id|>", "", "<|end_header_id|>\n\n", "<|eot_id|>" },
};

static void
begin_message(ac_buffer *out, const marks *m, const char *role)
{
    ac_buffer_push_text(out, m->before);
    ac_buffer_push_text(out, role);
    ac_buffer_push_text(out, m->inside);
}

static void
end_message(ac_buffer *out, const marks *m)
{
    ac_buffer_push_text(out, m->end);
    ac_buffer_push_text(out, m->after);
}

ac_status
ac_story_template_fill(ac_buffer *out, const char *prompt, const char *system,
                       ac_story_chat chat, const ac_texts *captions, const ac_texts *tables,
                       int64_t item)
{
    const marks *m = &chats[chat];

    ac_buffer_reset(out);
    ac_buffer_push(out, "", 0);
    if (chat == AC_CHAT_NONE) {
        fill(out, prompt, captions, tables, item);
        return out->status;
    }
    if (system) {
        begin_message(out, m, "system");
        fill(out, system, captions, tables, item);
        end_message(out, m);
    }
    begin_message(out, m, "user");
    fill(out, prompt, captions, tables, item);
    end_message(out, m);
    begin_message(out, m, "assistant");
    return out->status;
}

ac_status
ac_story_chat_end(const ac_causal_model *model, ac_story_chat chat, int32_t *out)
{
    const char *const needed[] = { chats[chat].before, chats[chat].end };
    ac_encoding ids = { 0 };
    ac_status st = AC_OK;

    *out = -1;
    for (int i = 0; chat != AC_CHAT_NONE && i < 2; i++) {
        AC_TRY(ac_tokenizer_encode(&model->tokenizer, needed[i], strlen(needed[i]), 0, false,
                                   &ids));
        if (ids.count != 1)
            AC_FAIL(AC_E_ARG,
                    "story.chat: %s is no token of %s: this model was made for another kind of "
                    "chat, or for none",
                    needed[i], model->path);
        *out = ids.ids[0];
    }
out:
    ac_encoding_free(&ids);
    return st;
}
