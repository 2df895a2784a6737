/** HTML's character references: "&amp;", "&#233;", "&copy". Source: Python's html.unescape,
 * HTML5's table of names. */
#ifndef AC_ENGINE_TEXT_HTML_UNESCAPE_H
#define AC_ENGINE_TEXT_HTML_UNESCAPE_H

#include "engine/base/buffer.h"

/** Python's html.unescape: named and numeric references, the old names also without ";". UTF-8;
 * appended to out. */
AC_MUST_CHECK ac_status ac_html_unescape(ac_buffer *out, const char *text, size_t n);

/**
 * ftfy's unescape_html: only references that end in ";", and names in capitals too
 * ("&EACUTE;"). UTF-8; appended to out. Source: ftfy 6.3.1, fixes.unescape_html
 */
AC_MUST_CHECK ac_status ac_html_unescape_strict(ac_buffer *out, const char *text, size_t n);

#endif
