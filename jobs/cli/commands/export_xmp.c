#include "jobs/cli/commands/export_xmp.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/text.h"
#include "io/file/file_open.h"

/* Programs that change a sidecar put their own name here. */
static const char begin[] =
    "<?xpacket begin=\"\xef\xbb\xbf\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n"
    "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\" "
    "x:xmptk=\"antarctic-captions\">\n";

static void
push_escaped(ac_buffer *out, const char *text, size_t n)
{
    ac_buffer valid = { 0 };

    ac_text_push_utf8(&valid, text, n);
    for (size_t i = 0; i < valid.size; i++) {
        const unsigned char c = (unsigned char) valid.data[i];
        /* U+FFFE and U+FFFF: EF BF BE, EF BF BF */
        const bool none = valid.size - i >= 3 && c == 0xEF &&
                          (unsigned char) valid.data[i + 1] == 0xBF &&
                          (unsigned char) valid.data[i + 2] >= 0xBE;
        if (c == '&')
            ac_buffer_push_text(out, "&amp;");
        else if (c == '<')
            ac_buffer_push_text(out, "&lt;");
        else if (c == '>')
            ac_buffer_push_text(out, "&gt;");
        else if (none || (c < 0x20 && c != '\t' && c != '\n'))
            ac_buffer_push_text(out, c == '\r' ? "&#13;" : "\xef\xbf\xbd");
        else
            ac_buffer_push_char(out, (char) c);
        i += none ? 2 : 0;
    }
    if (out->status == AC_OK)
        out->status = valid.status;
    ac_buffer_free(&valid);
}

static void
push_property(ac_buffer *out, const char *name, const char *caption, size_t n)
{
    ac_buffer_printf(out, "   <%s>\n    <rdf:Alt>\n     <rdf:li xml:lang=\"x-default\">", name);
    push_escaped(out, caption, n);
    ac_buffer_printf(out, "</rdf:li>\n    </rdf:Alt>\n   </%s>\n", name);
}

ac_status
ac_xmp_push(ac_buffer *out, const char *caption, size_t n)
{
    ac_buffer_push_text(out, begin);
    ac_buffer_push_text(
        out, " <rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\n"
             "  <rdf:Description rdf:about=\"\"\n"
             "    xmlns:dc=\"http://purl.org/dc/elements/1.1/\"\n"
             "    xmlns:Iptc4xmpCore=\"http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/\">\n");
    push_property(out, "dc:description", caption, n);
    push_property(out, "Iptc4xmpCore:AltTextAccessibility", caption, n);
    return ac_buffer_push_text(out, "  </rdf:Description>\n </rdf:RDF>\n</x:xmpmeta>\n"
                                    "<?xpacket end=\"w\"?>\n");
}

bool
ac_xmp_is_ours(const char *path)
{
    return ac_file_begins(path, begin, sizeof begin - 1);
}
