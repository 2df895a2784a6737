// search_cache.c from C++: statuses become exceptions, owners are freed by destructors.
//
//     search_cache CACHE CLIP TEXT K
//
// Build: c++ -std=c++11 search_cache.cpp $(pkg-config --cflags --libs antarctic)
#include <antarctic.h>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

namespace
{

void
check(ac_status status)
{
    if (status != AC_OK)
        throw std::runtime_error(ac_error_message());
}

// A C object that begins zeroed and is given back by its own function.
template <typename T, void (*release)(T *)> struct owned {
    T object = T();

    owned() = default;
    owned(const owned &) = delete;
    owned &operator=(const owned &) = delete;
    ~owned() { release(&object); }
    T *
    operator&()
    {
        return &object;
    }
    T *
    operator->()
    {
        return &object;
    }
};

void
search(const char *folder, const char *model, const std::string &text, int64_t k)
{
    owned<ac_clip_model, ac_clip_model_free> clip;
    owned<ac_cache, ac_cache_close> cache;
    owned<ac_texts, ac_texts_free> entries, query;
    std::vector<float> embeddings; // the index borrows them, so they are declared before it
    owned<ac_topk_index, ac_topk_index_free> index;
    ac_clip_options options = ac_clip_options();
    int64_t truncated = 0;

    options.model = model;
    options.towers = AC_CLIP_TEXT;
    options.need_tokenizer = true;
    check(ac_clip_model_open(&clip, &options));

    check(ac_cache_open(&cache, folder));
    check(ac_cache_check_model(&cache, clip->text_fingerprint, clip->path,
                               clip->net.config.projection_dim));
    const int64_t n = cache->entries, D = cache->dimension;
    embeddings.resize(static_cast<size_t>(n * D));
    check(ac_cache_read_slice(&cache, 0, n, embeddings.data(), &entries));
    check(ac_topk_index_init(&index, embeddings.data(), n, D, 0, AC_SCAN_AUTO, 1));

    std::vector<float> q(static_cast<size_t>(D)), scores(static_cast<size_t>(k));
    std::vector<int64_t> ids(static_cast<size_t>(k));
    check(ac_texts_push(&query, text.data(), text.size()));
    check(ac_clip_model_embed_texts(&clip, q.data(), &query, 0, 1, "", &truncated));
    check(ac_topk_search(&index, q.data(), 1, k, ids.data(), scores.data(), nullptr));
    for (size_t i = 0; i < ids.size() && ids[i] >= 0; i++)
        std::printf(
            "%.4f %lld %.*s\n", static_cast<double>(scores[i]), static_cast<long long>(ids[i]),
            static_cast<int>(ac_texts_size(&entries, ids[i])), ac_texts_at(&entries, ids[i]));
}

} // namespace

int
main(int argc, char **argv)
{
    const int64_t k = argc == 5 ? std::atoll(argv[4]) : 0;

    if (k < 1) {
        std::fprintf(stderr, "usage: search_cache CACHE CLIP TEXT K\n");
        return 1;
    }
    ac_compute_init(2); // threads; once per process, before any model
    try {
        search(argv[1], argv[2], argv[3], k);
    } catch (const std::exception &error) {
        std::fprintf(stderr, "search_cache: %s\n", error.what());
        return 1;
    }
    return 0;
}
