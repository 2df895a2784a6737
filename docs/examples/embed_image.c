/* Embed one image with CLIP's image tower.
 *
 *     embed_image CLIP IMAGE OUT.npy
 *
 * CLIP is a Hugging Face folder. OUT.npy is a NumPy array of shape [1, D], float32, of unit
 * length. Build: cc embed_image.c $(pkg-config --cflags --libs antarctic) */
#include <antarctic.h>

enum { MOST_PIXELS = 100000000 }; /* larger images are refused before they are decoded */

static ac_status
embed(const char *model, const char *image, const char *out_path)
{
    const ac_clip_options options = { .model = model, .towers = AC_CLIP_VISION };
    ac_clip_model clip = { 0 }; /* objects begin zeroed; their _free takes zeroed ones too */
    float *y = NULL;
    int64_t shape[2];
    ac_status st = AC_OK;

    AC_TRY(ac_clip_model_open(&clip, &options));
    shape[0] = 1;
    shape[1] = clip.net.config.projection_dim;
    AC_TRY(ac_alloc(&y, shape[1], sizeof *y));
    AC_TRY(ac_clip_model_embed_file(&clip, y, image, MOST_PIXELS));
    AC_TRY(ac_npy_save(out_path, AC_F32, 2, shape, y));
    printf("%lld numbers: %.4f %.4f %.4f ...\n", (long long) shape[1], (double) y[0],
           (double) y[1], (double) y[2]);
out:
    ac_clip_model_free(&clip);
    free(y);
    return st;
}

int
main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: embed_image CLIP IMAGE OUT.npy\n");
        return 1;
    }
    ac_compute_init(2); /* threads; once per process, before any model */
    if (embed(argv[1], argv[2], argv[3]) != AC_OK) {
        fprintf(stderr, "embed_image: %s\n", ac_error_message());
        return 1;
    }
    return 0;
}
