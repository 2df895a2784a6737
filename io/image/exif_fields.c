#include "io/image/exif_fields.h"

#include <string.h>

#include "io/file/json_write.h"
#include "io/image/exif.h"

enum { IMAGE = 0, EXIF = 0x8769, GPS = 0x8825 /* directories, by the tag that leads there */ };
enum { BYTE = 1, ASCII, SHORT, LONG, RATIONAL, SLONG = 9, SRATIONAL, MOST_NUMBERS = 16 };

static const struct field {
    const char *name;
    unsigned directory, tag;
} fields[] = {
    { "Make", IMAGE, 0x010f },
    { "Model", IMAGE, 0x0110 },
    { "Orientation", IMAGE, 0x0112 },
    { "Software", IMAGE, 0x0131 },
    { "DateTime", IMAGE, 0x0132 },
    { "Artist", IMAGE, 0x013b },
    { "ImageDescription", IMAGE, 0x010e },
    { "Copyright", IMAGE, 0x8298 },
    { "ExposureTime", EXIF, 0x829a },
    { "FNumber", EXIF, 0x829d },
    { "ExposureProgram", EXIF, 0x8822 },
    { "ISOSpeedRatings", EXIF, 0x8827 },
    { "DateTimeOriginal", EXIF, 0x9003 },
    { "DateTimeDigitized", EXIF, 0x9004 },
    { "OffsetTime", EXIF, 0x9010 },
    { "OffsetTimeOriginal", EXIF, 0x9011 },
    { "OffsetTimeDigitized", EXIF, 0x9012 },
    { "SubsecTimeOriginal", EXIF, 0x9291 },
    { "ExposureBiasValue", EXIF, 0x9204 },
    { "MeteringMode", EXIF, 0x9207 },
    { "LightSource", EXIF, 0x9208 },
    { "Flash", EXIF, 0x9209 },
    { "FocalLength", EXIF, 0x920a },
    { "ColorSpace", EXIF, 0xa001 },
    { "ExifImageWidth", EXIF, 0xa002 },
    { "ExifImageHeight", EXIF, 0xa003 },
    { "ExposureMode", EXIF, 0xa402 },
    { "WhiteBalance", EXIF, 0xa403 },
    { "DigitalZoomRatio", EXIF, 0xa404 },
    { "FocalLengthIn35mmFilm", EXIF, 0xa405 },
    { "SceneCaptureType", EXIF, 0xa406 },
    { "ImageUniqueID", EXIF, 0xa420 },
    { "BodySerialNumber", EXIF, 0xa431 },
    { "LensMake", EXIF, 0xa433 },
    { "LensModel", EXIF, 0xa434 },
    { "GPSLatitudeRef", GPS, 1 },
    { "GPSLatitude", GPS, 2 },
    { "GPSLongitudeRef", GPS, 3 },
    { "GPSLongitude", GPS, 4 },
    { "GPSAltitudeRef", GPS, 5 },
    { "GPSAltitude", GPS, 6 },
    { "GPSDateStamp", GPS, 29 },
};

const char ac_exif_field_names[] =
    "Make, Model, Orientation, Software, DateTime, Artist, ImageDescription, Copyright, "
    "ExposureTime, FNumber, ExposureProgram, ISOSpeedRatings, DateTimeOriginal, "
    "DateTimeDigitized, OffsetTime, OffsetTimeOriginal, OffsetTimeDigitized, "
    "SubsecTimeOriginal, ExposureBiasValue, MeteringMode, LightSource, Flash, FocalLength, "
    "ColorSpace, ExifImageWidth, ExifImageHeight, ExposureMode, WhiteBalance, "
    "DigitalZoomRatio, FocalLengthIn35mmFilm, SceneCaptureType, ImageUniqueID, "
    "BodySerialNumber, LensMake, LensModel, GPSLatitudeRef, GPSLatitude, GPSLongitudeRef, "
    "GPSLongitude, GPSAltitudeRef, GPSAltitude, GPSDateStamp";

static const struct field *
find_field(const char *name, size_t n)
{
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (strlen(fields[i].name) == n && memcmp(fields[i].name, name, n) == 0)
            return &fields[i];
    return NULL;
}

bool
ac_exif_field_is(const char *name, size_t n)
{
    return find_field(name, n) != NULL;
}

/* Bytes of one value of a type; 0: a type that is not read. */
static size_t
type_bytes(uint32_t type)
{
    switch (type) {
    case BYTE:
    case ASCII: return 1;
    case SHORT: return 2;
    case LONG:
    case SLONG: return 4;
    case RATIONAL:
    case SRATIONAL: return 8;
    default: return 0;
    }
}

/* Up to its zero byte, without spaces at its end; some cameras leave nothing else. */
static void
push_text(ac_buffer *out, const unsigned char *text, size_t n)
{
    const unsigned char *end = memchr(text, 0, n);

    n = end ? (size_t) (end - text) : n;
    while (n && text[n - 1] == ' ')
        n--;
    if (n)
        ac_json_string(out, (const char *) text, n);
    else
        ac_buffer_push_text(out, "null");
}

static void
push_number(ac_buffer *out, const ac_exif *exif, uint32_t type, const unsigned char *x)
{
    const size_t bytes = type_bytes(type);
    double top, bottom;

    if (type != RATIONAL && type != SRATIONAL) {
        const uint32_t value = exif->read(x, (int) bytes);
        ac_buffer_printf(out, "%lld",
                         type == SLONG ? (long long) (int32_t) value : (long long) value);
        return;
    }
    top = exif->read(x, 4);
    bottom = exif->read(x + 4, 4);
    if (type == SRATIONAL) {
        top = (int32_t) exif->read(x, 4);
        bottom = (int32_t) exif->read(x + 4, 4);
    }
    if (bottom == 0)
        ac_buffer_push_text(out, "null");
    else
        ac_buffer_printf(out, "%.10g", top / bottom);
}

/* The entry's bytes: in the entry, or where it says; NULL: not in the block. */
static const unsigned char *
bytes_of(const ac_exif *exif, const ac_exif_entry *entry, size_t *n)
{
    const size_t one = type_bytes(entry->type);
    size_t at = entry->value;

    if (!one || entry->count == 0 || entry->count > exif->size / one)
        return NULL;
    *n = one * entry->count;
    if (*n > 4)
        at = exif->read(exif->data + at, 4);
    return at <= exif->size && *n <= exif->size - at ? exif->data + at : NULL;
}

static bool
find_entry(const ac_exif *exif, const struct field *field, ac_exif_entry *entry)
{
    size_t directory = exif->read(exif->data + 4, 4);

    if (field->directory != IMAGE) {
        if (!ac_exif_entry_find(exif, directory, field->directory, entry))
            return false;
        directory = exif->read(exif->data + entry->value, 4);
    }
    return ac_exif_entry_find(exif, directory, field->tag, entry);
}

ac_status
ac_exif_push_field(ac_buffer *out, const void *bytes, size_t size, const char *name, size_t n)
{
    const struct field *field = find_field(name, n);
    const unsigned char *x = NULL;
    ac_exif exif;
    ac_exif_entry entry;
    size_t length = 0, count;

    if (field && ac_exif_find(bytes, size, &exif) && find_entry(&exif, field, &entry))
        x = bytes_of(&exif, &entry, &length);
    if (!x)
        return ac_buffer_push_text(out, "null");
    if (entry.type == ASCII) {
        push_text(out, x, length);
        return out->status;
    }
    count = entry.count < MOST_NUMBERS ? entry.count : MOST_NUMBERS;
    if (count > 1)
        ac_buffer_push_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i)
            ac_buffer_push_text(out, ", ");
        push_number(out, &exif, entry.type, x + i * type_bytes(entry.type));
    }
    return count > 1 ? ac_buffer_push_char(out, ']') : out->status;
}
