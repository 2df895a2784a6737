/** The text that a story begins with: story.prompt with what it names filled in, alone or as a
 * message of a chat. */
#ifndef AC_JOBS_STORY_TEMPLATE_H
#define AC_JOBS_STORY_TEMPLATE_H

#include "engine/base/buffer.h"
#include "jobs/models/causal_model.h"

/** As the choices of story.chat. */
typedef enum ac_story_chat { AC_CHAT_NONE = 0, AC_CHAT_CHATML, AC_CHAT_LLAMA3 } ac_story_chat;

/** AC_E_ARG where a {word} in braces is none of {caption} and {table}. system NULL: none. */
AC_MUST_CHECK ac_status ac_story_template_check(const char *prompt, const char *system);

/** The prompt's text; replaces what out held. */
AC_MUST_CHECK ac_status ac_story_template_fill(ac_buffer *out, const char *prompt,
                                               const char *system, ac_story_chat chat,
                                               const ac_texts *captions, const ac_texts *tables,
                                               int64_t item);

/**
 * The token that ends a message of this kind of chat; -1 without a chat.
 * AC_E_ARG: the model's tokenizer does not have the chat's marks as tokens.
 */
AC_MUST_CHECK ac_status ac_story_chat_end(const ac_causal_model *model, ac_story_chat chat,
                                          int32_t *out);

#endif
