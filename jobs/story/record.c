#include "jobs/story/record.h"

#include "io/file/json_write.h"

static void
push_story(ac_buffer *b, const ac_story_rows *s, int64_t m)
{
    ac_buffer_push_text(b, "{");
    ac_json_texts_field(b, "text", s->stories, m);
    ac_buffer_push_text(b, ", \"ids\": [");
    for (int64_t t = s->id_offsets[m]; t < s->id_offsets[m + 1]; t++)
        ac_buffer_printf(b, "%s%d", t > s->id_offsets[m] ? ", " : "", s->ids[t]);
    ac_buffer_push_text(b, "], \"score\": ");
    ac_json_float(b, s->scores[m]);
    if (s->clip_scores) {
        ac_buffer_push_text(b, ", \"clip_score\": ");
        ac_json_float(b, s->clip_scores[m]);
    }
    ac_buffer_push_text(b, ", ");
    ac_json_texts_field(b, "end", s->ends, m);
    ac_buffer_push_text(b, "}");
}

void
ac_story_record_push(ac_buffer *b, const ac_story_rows *s, int64_t i)
{
    ac_buffer_push_text(b, "{");
    ac_json_texts_field(b, "key", s->keys, i);
    ac_buffer_push_text(b, ", ");
    ac_json_texts_field(b, "caption", s->captions, i);
    ac_buffer_push_text(b, ", ");
    ac_json_texts_field(b, "prompt", s->prompts, i);
    ac_buffer_push_text(b, ", \"stories\": [");
    for (int64_t m = s->story_offsets[i]; m < s->story_offsets[i + 1]; m++) {
        ac_buffer_push_text(b, m > s->story_offsets[i] ? ", " : "");
        push_story(b, s, m);
    }
    ac_buffer_push_text(b, "]}\n");
}
