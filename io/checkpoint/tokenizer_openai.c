#include "io/checkpoint/tokenizer_openai.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "io/file/file_head.h"
#include "io/file/file_open.h"

enum { MERGES = 49152 - 256 - 2, MAX_BYTES = 64 << 20 };

/* The whole file, unpacked. gzread reads plain files too. */
static ac_status
unpack(const char *path, ac_buffer *text)
{
    char block[65536];
    gzFile f;
    ac_status st = ac_head_check_file(path);
    int n, file;

    if (st == AC_OK)
        st = ac_file_open(&file, path);
    if (st != AC_OK)
        return st;
    if (!(f = gzdopen(file, "rb"))) {
        close(file);
        return ac_error_set(AC_E_NOMEM, "%s: out of memory for zlib", path);
    }
    while (st == AC_OK && (n = gzread(f, block, sizeof block)) > 0) {
        st = ac_buffer_push(text, block, (size_t) n);
        if (st == AC_OK && text->size > MAX_BYTES)
            st = ac_error_set(AC_E_FORMAT, "%s: more than %d bytes unpacked: not a vocabulary",
                              path, MAX_BYTES);
    }
    if (st == AC_OK && n < 0)
        st = ac_error_set(AC_E_FORMAT, "%s: not a gzip file, or a damaged one; get it again",
                          path);
    if (gzclose_r(f) != Z_OK && st == AC_OK)
        st = ac_error_set(AC_E_FORMAT, "%s: the gzip file is truncated; get it again", path);
    return st;
}

static bool
is_printable(int byte)
{
    return (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

static ac_status
push_symbol(ac_texts *tokens, int code, const char *end)
{
    char text[8];
    int n = 0;

    if (code >= 0x80)
        text[n++] = (char) (0xc0 | code >> 6);
    text[n++] = code >= 0x80 ? (char) (0x80 | (code & 0x3f)) : (char) code;
    n += snprintf(text + n, sizeof text - (size_t) n, "%s", end);
    return ac_texts_push(tokens, text, (size_t) n);
}

/* The bytes as letters: printable ones as themselves, then the others as U+0100 … in their
 * order. */
static ac_status
push_bytes(ac_texts *tokens, const char *end)
{
    ac_status st = AC_OK;
    int others = 0;

    for (int byte = 0; byte < 256; byte++)
        if (is_printable(byte))
            AC_TRY(push_symbol(tokens, byte, end));
    for (int byte = 0; byte < 256; byte++)
        if (!is_printable(byte))
            AC_TRY(push_symbol(tokens, 256 + others++, end));
out:
    return st;
}

/* A merge of two symbols makes the token that is both. */
static ac_status
push_merge(ac_texts *tokens, ac_buffer *merges, const char *line, size_t n, int number,
           const char *path)
{
    const char *blank = memchr(line, ' ', n);
    char joined[512];
    size_t left = blank ? (size_t) (blank - line) : 0, right = blank ? n - left - 1 : 0;
    ac_status st;

    if (left == 0 || right == 0 || memchr(blank + 1, ' ', right) || n > sizeof joined)
        return ac_error_set(AC_E_FORMAT, "%s:%d: not two symbols with a space between", path,
                            number);
    memcpy(joined, line, left);
    memcpy(joined + left, blank + 1, right);
    if ((st = ac_texts_push(tokens, joined, left + right)) != AC_OK)
        return st;
    ac_buffer_push(merges, line, n);
    return ac_buffer_push_char(merges, '\n');
}

ac_status
ac_tokenizer_openai_read(const char *path, ac_texts *tokens, ac_buffer *merges)
{
    ac_buffer text = { 0 };
    ac_status st = AC_OK;
    size_t at = 0;

    AC_TRY(unpack(path, &text));
    AC_TRY(push_bytes(tokens, ""));
    AC_TRY(push_bytes(tokens, "</w>"));
    for (int number = 1; at < text.size && number <= 1 + MERGES; number++) {
        const char *line = text.data + at, *end = memchr(line, '\n', text.size - at);
        size_t n = end ? (size_t) (end - line) : text.size - at;
        at += n + 1;
        n -= n > 0 && line[n - 1] == '\r';
        if (number > 1 && n > 0) /* the first line is a heading */
            AC_TRY(push_merge(tokens, merges, line, n, number, path));
    }
    if (merges->size == 0)
        AC_FAIL(AC_E_FORMAT, "%s: holds no merges", path);
    AC_TRY(ac_texts_push(tokens, "<|startoftext|>", 15));
    st = ac_texts_push(tokens, "<|endoftext|>", 13);
out:
    ac_buffer_free(&text);
    return st;
}
